import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Benchmark, BenchOptions } from "./benchmark.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { MeasuredServer } from "./measured-server.ts";
import { machine, shown, table } from "./report.ts";
import { type Figure, takeTurns } from "./rounds.ts";
import { type SeededPerson, seed } from "./seed.ts";
import { send, TEXT } from "./send.ts";

/**
 * What everybody else notices while one account keeps 800 heavy writes in flight, from eight addresses: new rooms of a
 * thousand people, and changes of a room. Eight people send five messages a second each meanwhile, which is within their rates.
 */
export const fairness: Benchmark = {
  name: "fairness",
  about: "sends of others while one account keeps 800 heavy writes in flight, with rates on and off",
  run: runFairness,
};

const SENDERS = 8;
const BROUGHT_IN = 999;
const SECONDS = 10;
const EVERY_MS = 200;

type Sample = { p50: number; p99: number; most: number; refused: number; made: number; cpu: number };

async function runFairness({ rounds, only }: BenchOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  const servers: MeasuredServer[] = [];
  try {
    const turns: [string, () => Promise<Sample>][] = [];
    for (const [name, settings, isAttacked] of [
      ["nobody else", { RATE_LIMITS: "on" }, false],
      ["rates on", { RATE_LIMITS: "on" }, true],
      ["rates off", { RATE_LIMITS: "off" }, true],
    ] as const) {
      if ((only ?? name) !== name) continue;
      const dataDir = join(folder, name);
      const { people, rooms } = await seed(dataDir, {
        people: 1 + SENDERS + BROUGHT_IN,
        rooms: (uids) => [uids.slice(1, 1 + SENDERS), uids.slice(0, 1)],
      });
      const file = join(folder, `${name}.uids`);
      await Bun.write(
        file,
        people
          .slice(1 + SENDERS)
          .map(({ uid }) => uid)
          .join("\n"),
      );
      const server = await MeasuredServer.start(dataDir, settings, "any");
      servers.push(server);
      const senders = people.slice(1, 1 + SENDERS);
      const attacker = people[0] as SeededPerson;
      const [room, own] = rooms as [number, number];
      turns.push([name, () => turn({ server, senders, room, attacker: isAttacked ? attacker : undefined, own, file })]);
    }
    print(await takeTurns<string, Sample>(Object.fromEntries(turns), rounds), rounds);
  } finally {
    for (const server of servers) await server.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

let said = 0;

async function turn(parts: {
  server: MeasuredServer;
  senders: readonly SeededPerson[];
  room: number;
  attacker: SeededPerson | undefined;
  /** The attacker's own room. */
  own: number;
  file: string;
}): Promise<Sample> {
  const { server, senders, room, attacker, own, file } = parts;
  const script = new URL("../packages/server/test/heavy-writes.ts", import.meta.url).pathname;
  const load =
    attacker &&
    new MeasuredProcess([process.execPath, script, server.url, attacker.token, String(own), file], {
      // The runtime's client allows no more than 256 requests in flight by default.
      env: { BUN_CONFIG_MAX_HTTP_REQUESTS: "1000" },
    });
  await load?.line(/^ready/);
  const times: number[] = [];
  const cpuBefore = server.cpuNanoseconds();
  const until = performance.now() + SECONDS * 1000;
  await Promise.all(
    senders.map(async ({ token }, index) => {
      await Bun.sleep((index * EVERY_MS) / senders.length);
      while (performance.now() < until) {
        const before = performance.now();
        await send(server, { token, roomId: room, clientId: `fair-${said++}`, content: TEXT });
        times.push(performance.now() - before);
        await Bun.sleep(Math.max(0, EVERY_MS - (performance.now() - before)));
      }
    }),
  );
  load?.tell("stop");
  const [, text] = load ? await load.line(/^done (.*)/) : ["", "[]"];
  const answered = new Map(JSON.parse(text as string) as [number, number][]);
  await load?.kill();
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] as number;
  const made = (answered.get(200) ?? 0) + (answered.get(201) ?? 0);
  const heavy = [...answered.values()].reduce((sum, count) => sum + count, 0);
  const cpu = (server.cpuNanoseconds() - cpuBefore) / 1000 / (heavy + times.length);
  const [perSecond, refused] = [made / SECONDS, (heavy - made) / SECONDS];
  return { p50: at(0.5), p99: at(0.99), most: times.at(-1) as number, refused, made: perSecond, cpu };
}

function print(measured: Record<string, Record<keyof Sample, Figure>>, rounds: number): void {
  const rows = Object.entries(measured).map(([name, { p50, p99, most, refused, made, cpu }]) => [
    name,
    shown(p50, 1),
    shown(p99, 1),
    shown(most, 1),
    shown(made, 0),
    shown(refused, 0),
    shown(cpu, 0),
  ]);
  console.log(`fairness, ${rounds} rounds of ${SECONDS} s, median (min–max); ${machine()}\n`);
  console.log(
    table(["meanwhile", "p50 ms", "p99 ms", "longest ms", "heavy writes done/s", "refused/s", "CPU µs/request"], rows),
  );
}
