import { FIRST_UID, SERVER_SCOPES, userStream } from "@parley/protocol";
import { loadConfig } from "../src/config/config.ts";
import { type Context, createContext } from "../src/context.ts";
import { openWritingConnection } from "../src/db/open.ts";
import { batch, type ProcedureTable, single } from "../src/db/procedures.ts";
import { ofServer } from "../src/db/share.ts";
import { type InputOf, type LoggedEvent, type WriteTransaction, worked } from "../src/db/transaction.ts";
import { LogReader } from "../src/event-log/log-reader.ts";
import { featureRoutes } from "../src/feature-routes.ts";
import { createApp } from "../src/http/app.ts";
import type { ManualClock } from "../src/lib/clock.ts";
import { type MessageKinds, messageKinds } from "../src/messages/kinds/kinds.ts";
import { recallMessage } from "../src/messages/recall.ts";
import { sendMessages } from "../src/messages/send.ts";
import type { SendInput } from "../src/messages/send-lookups.ts";
import { Health } from "../src/ops/health.ts";
import { createLogger } from "../src/ops/logger.ts";
import { Metrics } from "../src/ops/metrics.ts";
import type { SelfGate } from "../src/unread/self-gate.ts";
import { webhooksRoutes } from "../src/webhooks/webhooks-routes.ts";
import { checkAsDocumented } from "./as-documented.ts";
import { openScratch, type Scratch } from "./scratch-database.ts";
import { onPostgres, type RawValue, withRaw } from "./test-database.ts";

/** A reply as tests look at it. */
export interface Reply {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the wire says; the assertions name the fields.
  readonly body: any;
}

/** The product's own backend, which sends this key. */
export const SHOP = {
  ...{ id: 7, name: "shop", scopes: new Set(SERVER_SCOPES) },
  ...{ rate: null, recipientsRate: null, allRate: null },
};
export const SHOP_KEY = "ps_shop";

/** Rooms, messages and red dots on a real database, without connections. For the tests of these three folders. */
export class ChatFixture {
  readonly clock: ManualClock;
  readonly context: Context;
  readonly #fetch: (request: Request) => Response | Promise<Response>;

  private constructor(
    readonly scratch: Scratch,
    env: Record<string, string>,
    kinds: MessageKinds,
  ) {
    const { config } = loadConfig(env);
    const { clock, db, epoch, writes } = scratch;
    this.clock = clock;
    this.context = createContext({ config, db, epoch, writes, clock, kinds });
    const app = createApp({
      config,
      logger: createLogger({ level: "error", sink: process.stderr }),
      metrics: new Metrics(),
      health: new Health(),
      findLogin: async (token) => {
        const [power, uid] = token.split("-");
        return { loginId: Number(uid), uid: Number(uid), power: power === "admin" ? 1 : 0 };
      },
      findServerKey: async (secret) => (secret === SHOP_KEY ? SHOP : undefined),
      heavyWork: this.context.heavyWork,
      routes: [
        ...featureRoutes(this.context),
        webhooksRoutes({ ...this.context, reader: new LogReader(db), webhooks: { tellAgain: async () => undefined } }),
      ],
    });
    // Each person has a different address.
    this.#fetch = (request) => app.fetch(request, { ip: `10.9.0.${numberIn(request) % 256}` });
  }

  get selfGate(): SelfGate {
    return this.context.selfGate;
  }

  /** @param kinds kinds of messages that replace the server's */
  static async open(env: Record<string, string> = {}, kinds = messageKinds): Promise<ChatFixture> {
    return new ChatFixture(await openScratch(proceduresWith(kinds)), { RATE_LIMITS: "off", ...env }, kinds);
  }

  close(): Promise<void> {
    return this.scratch.close();
  }

  /** People named p<uid>, made at the clock's time, straight into the table. */
  async people(count: number): Promise<number[]> {
    const { raw } = this.scratch;
    const [row] = await raw<{ uid: number }>("select coalesce(max(uid), 0) as uid from users");
    const first = Math.max(FIRST_UID, (row?.uid ?? 0) + 1);
    const uids = Array.from({ length: count }, (_, index) => first + index);
    const now = this.clock.now();
    const all = uids.map((uid) => `(${uid}, 'p${uid}', 'p${uid}', ${now}, '', ${now}, ${now})`).join(", ");
    await raw(
      `insert into users (uid, name, name_key, created_at, created_ip, updated_at, last_seen_at) values ${all}`,
    );
    await raw(`insert into room_reads (uid, room_id, read_seq, read_no, read_at)
        select users.uid, rooms.id, coalesce((select seq from streams where stream = 'room:1'), 0), no, ${now}
        from rooms, users where rooms.id = 1 and users.uid >= ${first}`);
    if (onPostgres) await raw(`alter table users alter column uid restart with ${first + count}`);
    return uids;
  }

  /** Rows straight into a table, for caps that take too long to reach by requests. */
  async fill(table: string, columns: readonly string[], count: number, row: (n: number) => RawValue[]) {
    const rows = Array.from({ length: count }, (_, n) => row(n));
    await withRaw(this.scratch.place, (raw) => raw.insert(table, columns, rows));
  }

  /** `who`: a uid, an administrator as `admin-<uid>`, or nobody. A `body` that is a text is sent as it is. */
  async ask(who: number | string | undefined, method: string, path: string, body?: unknown): Promise<Reply> {
    const headers = new Headers(body === undefined ? {} : { "Content-Type": "application/json" });
    if (who !== undefined) headers.set("Authorization", `Bearer ${typeof who === "number" ? `user-${who}` : who}`);
    const sent = body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body);
    const request = new Request(`http://localhost/api/v1${path}`, { method, headers, body: sent });
    const response = await this.#fetch(request);
    const { status, headers: replied } = response;
    const text = await response.text();
    const answer = text === "" ? undefined : JSON.parse(text);
    if (this.context.kinds === messageKinds) {
      checkAsDocumented({ method, path: `/api/v1${path}`, status, headers: replied, body: answer });
    }
    return { status, body: answer ?? null };
  }

  /** Makes a request and expects a success. */
  async must(who: number | string, method: string, path: string, body?: unknown) {
    const reply = await this.ask(who, method, path, body);
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  }

  /** Makes a group with its owner and others; returns its id. */
  async group(owner: number, memberIds: number[] = [], name = "a group"): Promise<number> {
    return (await this.must(owner, "POST", "/rooms", { name, memberIds })).id;
  }

  /** Sends a text; the client id is one that was never used. */
  async say(who: number | string, roomId: number, content: string, more: Record<string, unknown> = {}) {
    this.#said += 1;
    const request = { clientId: `c${this.#said}`, type: 1, body: { content }, ...more };
    return this.must(who, "POST", `/rooms/${roomId}/messages`, request);
  }

  /** All pages of a list, the first one first; `path` may have a query. @throws when they do not end */
  async pages<T>(who: number, path: string): Promise<T[][]> {
    const pages: T[][] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const joint = path.includes("?") ? "&" : "?";
      const page: { items: T[]; nextCursor: string | null } = await this.must(
        who,
        "GET",
        `${path}${joint}cursor=${cursor}`,
      );
      pages.push(page.items);
      if (pages.length > 100) throw new Error(`the pages of ${path} do not end`);
      cursor = page.nextCursor;
    }
    return pages;
  }

  #said = 0;

  /** How many statements `work` runs, in a transaction that is committed. Nothing else may be writing. */
  async statements(work: (tx: WriteTransaction) => Promise<unknown>): Promise<number> {
    let count = 0;
    const { clock } = this;
    const writer = openWritingConnection(this.scratch.place, { clock, log: () => void count++ });
    try {
      return await writer.transaction(async (tx) => {
        count = 0;
        await worked(tx, work);
        return count;
      });
    } finally {
      await writer.close();
    }
  }

  /** Events of a stream as committed, with their data parsed. */
  events(stream: string) {
    return this.scratch.events.filter((event) => event.stream === stream).map(parsed);
  }

  eventsOf(uid: number) {
    return this.events(userStream(uid));
  }
}

/** The procedures that show messages, with another table of kinds. */
function proceduresWith(kinds: MessageKinds): ProcedureTable {
  const send = (tx: WriteTransaction, inputs: readonly SendInput[]) => sendMessages(tx, inputs, kinds);
  const recall = (tx: WriteTransaction, input: InputOf<typeof recallMessage>) => recallMessage(tx, input, kinds);
  return {
    sendMessages: { ...batch(send, ofServer()), procedure: sendMessages },
    recallMessage: { ...single(recall, ofServer()), procedure: recallMessage },
  };
}

function parsed(event: LoggedEvent) {
  return { seq: event.seq, pos: event.pos, type: event.type, data: JSON.parse(event.data) };
}

/** The number in a request's token, 0 without one. */
function numberIn(request: Request): number {
  return Number(/\d+/.exec(request.headers.get("Authorization") ?? "")?.[0] ?? 0);
}
