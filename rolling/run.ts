import { ApiClient } from "../packages/server/test/api-client.ts";
import { signUp } from "../packages/server/test/harness.ts";
import { historyOf } from "../packages/server/test/history.ts";
import { ReverseProxy } from "../packages/server/test/reverse-proxy.ts";
import type { Balancer } from "./balancers.ts";
import { type Counted, load, nothingCounted } from "./load.ts";
import { Nodes, type Restart, restart, takenUp } from "./nodes.ts";
import { Reader, TRANSPORTS } from "./readers.ts";

export interface RunOptions {
  readonly nodes: number;
  /** At least. */
  readonly requests: number;
  readonly lines: number;
  /** For each transport. */
  readonly readers: number;
  readonly balancer: (ports: readonly number[]) => Balancer;
  readonly settings: Record<string, string>;
  /** Told of each step, for people who wait. */
  readonly tell?: (text: string) => void;
}

export interface RunResult extends Counted {
  readonly restarts: readonly Restart[];
  /** Of the balancer. */
  readonly retries: number;
  /** How often readers came back. */
  readonly returns: number;
  readonly messages: number;
  readonly problems: readonly string[];
}

/** How many requests a node answers after a restart before the next one is stopped. */
const TAKEN_UP = 20;

/** All nodes are stopped and started again, one after another and at least once, while requests and live readers go through the balancer. */
export async function run(options: RunOptions): Promise<RunResult> {
  const { tell = () => {} } = options;
  const nodes = await Nodes.start(options.nodes, options.settings);
  const balancer = options.balancer(nodes.ports);
  const proxy = await ReverseProxy.start(balancer.kind, nodes.nodes[0]?.url as string);
  try {
    const ann = await signUp(proxy.url, "ann");
    const { id: roomId } = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds: [] });
    const at = { url: proxy.url, token: ann.token, roomId };
    const readers = TRANSPORTS.flatMap((transport) =>
      Array.from({ length: options.readers }, () => new Reader({ ...at, transport })),
    );
    await Promise.all(readers.map((reader) => reader.ready()));
    tell(`${options.nodes} nodes, ${readers.length} readers`);

    const counted = nothingCounted();
    const restarts: Restart[] = [];
    let isPassed = false;
    const tokens = Array<string>(options.lines).fill(ann.token);
    const parts = { ...at, tokens, requests: options.requests, isOver: () => isPassed };
    const loading = load(parts, counted).finally(() => {
      isPassed = true;
    });
    while (!isPassed) {
      for (const node of nodes.nodes) {
        await takenUp(node, TAKEN_UP, () => isPassed);
        const done = await restart(node);
        restarts.push(done);
        tell(`restart ${restarts.length}: ${JSON.stringify(done)}; ${counted.requests} requests so far`);
        await takenUp(node, TAKEN_UP, () => isPassed);
      }
      if (counted.requests >= options.requests) isPassed = true;
    }
    await loading;

    const history = await historyOf({ ...ann, api: new ApiClient(proxy.url, ann.token) }, roomId);
    const last = history.at(-1)?.message.id as number;
    await Promise.all(readers.map((reader) => reader.has(last)));
    for (const reader of readers) reader.stop();
    const ids = history.map(({ message }) => message.id as number);
    return {
      ...counted,
      restarts,
      retries: await balancer.retries(),
      returns: readers.reduce((sum, { lives }) => sum + lives - 1, 0),
      messages: ids.length,
      problems: [
        ...problemsOf(counted),
        ...restarts.filter(({ exitCode }) => exitCode !== 0).map(({ exitCode }) => `a node ended with ${exitCode}`),
        ...messageProblems(
          counted,
          history.map(({ message }) => message.clientId as string),
        ),
        ...readers.flatMap((reader) => readerProblems(reader, ids)),
      ],
    };
  } finally {
    await proxy.stop();
    await nodes.stop();
  }
}

function problemsOf({ statuses, cuts, failures }: Counted): string[] {
  const bad = [...statuses].filter(([status]) => status >= 300);
  const found = bad.map(([status, count]) => `${count} answers with ${status}`);
  if (cuts > 0) found.push(`${cuts} requests were cut`);
  return found.length === 0 ? [] : [...found, ...failures];
}

function messageProblems({ sent }: Counted, stored: readonly string[]): string[] {
  const known = new Set(stored);
  const lost = sent.filter((clientId) => !known.has(clientId));
  const found = lost.length === 0 ? [] : [`${lost.length} messages were answered and are not there`];
  if (known.size < stored.length) found.push(`${stored.length - known.size} messages are there twice`);
  return found;
}

function readerProblems({ transport, ids, resyncs }: Reader, wanted: readonly number[]): string[] {
  const found = resyncs === 0 ? [] : [`a reader by ${transport} got RESYNC`];
  const at = wanted.findIndex((id, index) => ids[index] !== id);
  if (at >= 0) found.push(`a reader by ${transport}: message ${at + 1} is ${wanted[at]}, and came as ${ids[at]}`);
  if (ids.length !== wanted.length) found.push(`a reader by ${transport} got ${ids.length} of ${wanted.length}`);
  return found;
}
