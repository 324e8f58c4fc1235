import { apiDocument, operationsOf } from "../packages/server/test/api-document.ts";
import { checkAsDocumented } from "../packages/server/test/as-documented.ts";
import type { TestServer } from "../packages/server/test/harness.ts";
import { type Random, seeded } from "../packages/server/test/seeded.ts";
import { Cast } from "./cast.ts";
import { Frames } from "./frames.ts";
import { mutateAuthorization, mutateOnce } from "./mutations.ts";
import { Pools } from "./pools.ts";
import { type FoundOperation, Requests, type Wanted } from "./requests.ts";
import { Samples } from "./sample.ts";

/** The results of a run. */
export interface Findings {
  /** Counted by how they were made. */
  readonly inputs: Record<"plain" | "mutated" | "wild" | "frames", number>;
  readonly byStatus: Record<string, number>;
  /** Operations that never had a 2xx. */
  readonly unreached: readonly string[];
  /** Each is a request, and what is wrong with its reply. */
  readonly faults: readonly string[];
}

const AT_ONCE = 8;
/** A run stops after this many faults. */
const FAULTS_MAX = 40;
/** Getting no reply within this time is a separate fault. */
const REPLY_MS = 10_000;
/** One in this many inputs is a series of frames over a live connection. */
const FRAMES_EVERY = 60;

/** Operations that sign somebody out, end their account or ban them. They are rare, or nobody would stay long enough to answer anybody. */
const ENDING: ReadonlySet<string> = new Set([
  ...["deleteMe", "deleteLogins", "deleteLoginsCurrent", "deleteLogin", "postLoginsRefresh"],
  ...["deleteServerUser", "deleteServerUserLogins", "putAdminBansUser", "putBlock"],
]);

/**
 * Sends requests that are made from the API's document, most of them well-formed except for one mutation, and compares each reply with the
 * document. Server errors, replies that the document does not list, and missing replies are faults. Live connections get frames
 * made in the same way.
 */
export class Fuzzer {
  readonly #server: TestServer;
  readonly #random: Random;
  readonly #operations: readonly FoundOperation[] = operationsOf(apiDocument());
  readonly #pools: Pools;
  readonly #cast: Cast;
  readonly #requests: Requests;
  readonly #frames: Frames;
  readonly #inputs = { plain: 0, mutated: 0, wild: 0, frames: 0 };
  readonly #byStatus: Record<string, number> = {};
  readonly #reached = new Set<string>();
  readonly #faults: string[] = [];

  constructor(server: TestServer, seed: number) {
    this.#server = server;
    this.#random = seeded(seed);
    const random = this.#random;
    this.#pools = new Pools(random);
    this.#cast = new Cast(server, this.#pools);
    const samples = new Samples({ random, pools: this.#pools, schemas: apiDocument().components.schemas });
    this.#requests = new Requests({ cast: this.#cast, pools: this.#pools, samples, random });
    this.#frames = new Frames({ url: server.url, cast: this.#cast, pools: this.#pools, random });
  }

  async run(count: number): Promise<Findings> {
    await this.#cast.gather();
    let left = count;
    const worker = async () => {
      while (left > 0 && this.#faults.length < FAULTS_MAX) {
        left -= 1;
        if (left % FRAMES_EVERY === 0) left -= (await this.#live()) - 1;
        else await this.#one();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    this.#frames.close();
    const names = this.#operations.map(({ operation }) => operation.operationId);
    const unreached = names.filter((name) => !this.#reached.has(name));
    return { inputs: this.#inputs, byStatus: this.#byStatus, unreached, faults: this.#faults };
  }

  /** Sends a series of frames on a new connection. @returns how many */
  async #live(): Promise<number> {
    const { sent, faults } = await this.#frames.connection();
    this.#inputs.frames += sent;
    this.#faults.push(...faults);
    return Math.max(1, sent);
  }

  async #one(): Promise<void> {
    const { found, isPlain } = this.#next();
    const wanted = this.#requests.of(found);
    const chance = this.#random();
    const how = isPlain || chance < 0.2 ? "plain" : chance < 0.9 ? "mutated" : "wild";
    this.#inputs[how] += 1;
    if (how !== "plain") mutateOnce(wanted, this.#random);
    if (how === "wild") {
      mutateOnce(wanted, this.#random);
      mutateAuthorization(wanted, this.#random);
    }
    await this.#send(wanted, how);
  }

  /** Operations that have not been reached yet get extra turns, with well-formed requests. */
  #next(): { found: FoundOperation; isPlain: boolean } {
    const unreached = this.#operations.filter(({ operation }) => !this.#reached.has(operation.operationId));
    const isPlain = unreached.length > 0 && this.#random() < 0.2;
    const list = isPlain ? unreached : this.#operations;
    const found = list[Math.floor(this.#random() * list.length)] as FoundOperation;
    return ENDING.has(found.operation.operationId) && this.#random() < 0.85 ? this.#next() : { found, isPlain };
  }

  async #send(wanted: Wanted, how: "plain" | "mutated" | "wild"): Promise<void> {
    const { url, init } = written(wanted, this.#server.url);
    const { pathname, search } = new URL(url);
    const path = pathname + search;
    const fault = (what: string) =>
      this.#faults.push(`${wanted.actor.name}: ${wanted.method} ${path} ${shown(init)}: ${what}`);
    let reply: { status: number; headers: Headers; body: unknown };
    try {
      reply = await answered(await fetch(url, { ...init, signal: AbortSignal.timeout(REPLY_MS) }));
    } catch (error) {
      // The client itself refuses a header that no client may send.
      if (!(error instanceof TypeError)) fault(`no reply: ${error}`);
      return;
    }
    const { status, body } = reply;
    this.#byStatus[status] = (this.#byStatus[status] ?? 0) + 1;
    if (status >= 500) return void fault(`${status} ${JSON.stringify(body)?.slice(0, 300)}`);
    try {
      if (body !== STREAM) checkAsDocumented({ method: wanted.method, path, ...reply });
    } catch (error) {
      return void fault((error as Error).message);
    }
    if (status >= 200 && status < 300 && wanted.method === wanted.found.method) {
      this.#reached.add(wanted.found.operation.operationId);
      this.#pools.harvest(wanted.found.path, wanted.actor.name, body);
      this.#pools.harvestMembers(wanted, body);
      if (wanted.found.operation.operationId === "postAdminWebhooks")
        await this.#cast.bury((body as { id: number }).id);
    }
    const isBanned = (body as { code?: string } | undefined)?.code === "banned";
    if ((status === 401 && how !== "wild") || isBanned) await this.#cast.replace(wanted.actor);
  }
}

const STREAM = Symbol("an event stream, which has no end");

async function answered(response: Response) {
  const { status, headers } = response;
  if (headers.get("Content-Type")?.startsWith("text/event-stream")) {
    await response.body?.cancel();
    return { status, headers, body: STREAM as unknown };
  }
  const text = await response.text();
  return { status, headers, body: text === "" ? undefined : (JSON.parse(text) as unknown) };
}

function written(wanted: Wanted, base: string): { url: string; init: RequestInit } {
  const { found, actor, method, path, query, headers, body, raw } = wanted;
  const place = found.path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => escaped(path[name] ?? ""));
  const search = query.map(([name, value]) => `${name}=${escaped(value)}`).join("&");
  const sent =
    method === "GET" || method === "HEAD"
      ? undefined
      : (raw ?? (body === undefined ? undefined : JSON.stringify(body)));
  const own: Record<string, string> = { ...(actor.token && { Authorization: `Bearer ${actor.token}` }) };
  if (sent !== undefined) own["Content-Type"] = "application/json";
  return {
    url: `${base}${place}${search && `?${search}`}`,
    init: { method, headers: { ...own, ...headers }, ...(sent === undefined ? {} : { body: sent }) },
  };
}

function escaped(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

function shown({ headers, body }: RequestInit): string {
  const { Authorization, ...rest } = headers as Record<string, string>;
  return `${JSON.stringify(rest)} ${String(body ?? "").slice(0, 600)}`;
}
