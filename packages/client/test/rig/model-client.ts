import type { ClientState } from "../../src/connection/client-state.ts";
import type { AnyPush } from "../../src/reading/events.ts";
import type { StoreSource } from "../../src/store/source.ts";
import { ME, type ModelServer } from "./model-server.ts";

/** A request that waits: first to be served, and then to arrive. */
interface Asked {
  readonly route: string;
  readonly args: { path?: { id: number }; query?: Record<string, number | string | undefined> };
  readonly answer: PromiseWithResolvers<unknown>;
  reply?: { value: unknown } | { error: unknown };
}

/** Pages are small, so that things happen between them. */
const PAGE = 3;

/** A client of the model: frames and replies come when the test says so, in any order that is possible on a network. */
export class ModelClient implements StoreSource {
  readonly presence = { of: () => undefined, onlineNum: undefined };
  readonly asked: Asked[] = [];
  /** The list comes in one page. */
  reloadAtOnce = false;
  cursor: string | undefined;
  state: ClientState = { kind: "connecting", transport: "websocket" };
  readonly #server: ModelServer;
  readonly #handlers = new Map<string, (data: never) => unknown>();

  constructor(server: ModelServer) {
    this.#server = server;
  }

  readonly on: StoreSource["on"] = (name, handler) => {
    this.#handlers.set(name, handler as never);
    return () => this.#handlers.delete(name);
  };

  readonly request: StoreSource["request"] = (route, ...args) => {
    const asked: Asked = { route, args: (args[0] ?? {}) as Asked["args"], answer: Promise.withResolvers() };
    this.asked.push(asked);
    (args[0] as { signal?: AbortSignal }).signal?.addEventListener("abort", () =>
      this.#end(asked, { error: new Error() }),
    );
    return asked.answer.promise as never;
  };

  /** The connection gets its place in the log, and tells what has happened since. */
  connect(): void {
    this.cursor = this.#server.asOf;
    this.#server.frames.length = 0;
    this.#live();
  }

  /** The connection is cut and comes back; nothing that is logged was missed. */
  reconnect(): void {
    this.#live();
  }

  /** Sends a frame that is not logged. */
  tell({ type, data }: { type: number; data: unknown }): void {
    this.#tell("event", { name: undefined, type, data, stream: undefined, seq: undefined });
  }

  /** The next frame arrives. */
  hear(): boolean {
    const next = this.#server.frames.shift();
    if (next) this.#tell("event", next.push satisfies AnyPush);
    return next !== undefined;
  }

  /** The state is read anew in place of frames that will not come any more, as the client does after RESYNC `*`. */
  resync(): void {
    const { asOf } = this.#server;
    this.#server.frames.length = 0;
    const rooms = this.#server.list();
    this.#tell("state-reloaded", structuredClone({ everything: true, roomIds: [], rooms, me: this.#me(), asOf }));
    this.#live();
  }

  /** The same for one room, while the other streams go on. */
  resyncRoom(roomId: number): void {
    const room = this.#server.rooms.get(roomId);
    if (!room) return;
    const rest = this.#server.frames.filter(({ push }) => push.stream !== `room:${roomId}`);
    this.#server.frames.splice(0, this.#server.frames.length, ...rest);
    const rooms = [{ ...this.#server.view(room), asOf: this.#server.asOf }];
    this.#tell(
      "state-reloaded",
      structuredClone({ everything: false, roomIds: [roomId], rooms, asOf: this.#server.asOf }),
    );
    this.#live();
  }

  /** The server handles the request that waits at this place, or fails. */
  serve(at: number, fails = false): void {
    const waiting = this.asked.filter(({ reply }) => !reply);
    const asked = waiting[at % Math.max(1, waiting.length)];
    if (!asked) return;
    asked.reply = fails ? { error: Object.assign(new Error("busy"), { canRetry: true }) } : this.#answer(asked);
  }

  /** The served reply arrives. */
  arrive(at: number): void {
    const ready = this.asked.filter(({ reply }) => reply);
    const asked = ready[at % Math.max(1, ready.length)];
    if (asked?.reply) this.#end(asked, asked.reply);
  }

  #end(asked: Asked, reply: NonNullable<Asked["reply"]>): void {
    const at = this.asked.indexOf(asked);
    if (at < 0) return;
    this.asked.splice(at, 1);
    if ("error" in reply) asked.answer.reject(reply.error);
    else asked.answer.resolve(reply.value);
  }

  #live(): void {
    for (const kind of ["connecting", "live"] as const) {
      this.state = { kind, transport: "websocket" };
      this.#tell("state", this.state);
    }
  }

  #tell(name: string, data: unknown): void {
    this.#handlers.get(name)?.(data as never);
  }

  #me() {
    return { uid: ME, name: this.#server.names.get(ME) as string, avatar: "", power: 0, createdAt: 1 };
  }

  #answer(asked: Asked): NonNullable<Asked["reply"]> {
    try {
      return { value: structuredClone(this.#reply(asked)) };
    } catch (error) {
      return { error };
    }
  }

  #reply({ route, args }: Asked): unknown {
    const server = this.#server;
    const { asOf } = server;
    const { cursor, after, around, ids } = args.query ?? {};
    const room = server.rooms.get(args.path?.id ?? 0);
    switch (route) {
      case "GET /me":
        return { ...this.#me(), asOf };
      case "GET /notifications": {
        const rest = server.notifications.filter(({ id }) => cursor === undefined || id < Number(cursor));
        const items = rest.slice(0, PAGE);
        const nextCursor = rest.length > PAGE ? String(items.at(-1)?.id) : null;
        return { items, nextCursor, unseen: 0, unread: 0, upTo: server.pos, asOf };
      }
      case "GET /unread":
        return { total: 0, rooms: [], friendRequests: 0, notifications: 0, asOf };
      case "GET /users": {
        const uids = String(ids).split(",").map(Number);
        return { items: uids.map((uid) => ({ ...this.#me(), uid, name: server.names.get(uid) })), nextCursor: null };
      }
      case "GET /rooms": {
        // The cursor is the activity of the last one, as on the real server.
        const activity = (id: number) => server.activity(id);
        const rest = server.list().filter(({ id }) => cursor === undefined || activity(id) < Number(cursor));
        const items = rest.slice(0, this.reloadAtOnce ? rest.length : PAGE);
        return { items, nextCursor: rest.length > items.length ? String(activity(items.at(-1)?.id ?? 0)) : null, asOf };
      }
      case "GET /rooms/{id}":
        return { ...server.view(room as never), asOf };
      case "GET /messages/{id}/receipts": {
        const { place, items } = server.receipts(args.path?.id ?? 0);
        const isRead = args.query?.state === "read";
        return { items: items.filter(({ seq }) => seq >= place === isRead), nextCursor: null };
      }
      case "GET /rooms/{id}/members": {
        if (room?.left) throw Object.assign(new Error("forbidden"), { code: "forbidden" });
        const rest = server.members(room as never).filter(({ uid }) => uid > Number(cursor ?? 0));
        return { items: rest.slice(0, 2), nextCursor: rest.length > 2 ? String(rest[1]?.uid) : null, asOf };
      }
      case "GET /rooms/{id}/messages": {
        const all = server.messages(room as never);
        if (after !== undefined) {
          const rest = all.filter(({ message }) => message.id > Number(after));
          return { items: rest.slice(0, PAGE), nextCursor: rest.length > PAGE ? "newer" : null, asOf };
        }
        if (around !== undefined) {
          const at = all.findIndex(({ message }) => message.id === around);
          const from = Math.max(0, at - PAGE);
          const items = all.slice(from, at + PAGE);
          return { items, nextCursor: from > 0 ? String(items[0]?.message.id) : null, asOf };
        }
        const rest = all.filter(({ message }) => cursor === undefined || message.id < Number(cursor));
        const items = rest.slice(-PAGE);
        return { items, nextCursor: rest.length > PAGE ? String(items[0]?.message.id) : null, asOf };
      }
      default:
        throw new Error(`the model does not know ${route}`);
    }
  }
}
