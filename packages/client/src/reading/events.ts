import type { Push, PushData, ResyncWhy } from "@parley/protocol/events";
import type { PushFrame } from "./push-frame.ts";

type PushKey = keyof typeof Push;

/** What this version of the server does not send, and what it sends to connections that sign in by QR code, which this client does not do. */
type Unsent = "MESSAGE_UPDATE" | "LOGIN_URL" | "LOGIN_SCAN_SUCCESS";

type SentKey = { [K in PushKey]: (typeof Push)[K] extends keyof PushData ? Exclude<K, Unsent> : never }[PushKey];

/** A push is called what the protocol calls it, in small letters: `message`, `recall`, `member_change`, `red_dot` … */
export type PushName = Lowercase<SentKey>;

/** `data` of each push. */
export type PushDataByName = { [K in SentKey as Lowercase<K>]: PushData[(typeof Push)[K]] };

/** The push of one name, with its number in the protocol. */
type NamedPush = {
  [K in Exclude<SentKey, "RESYNC">]: {
    readonly name: Lowercase<K>;
    readonly type: (typeof Push)[K];
    readonly data: PushData[(typeof Push)[K]];
  };
}[Exclude<SentKey, "RESYNC">];

/** Where an event stands in the log; both undefined for pushes that are not logged. */
export interface Place {
  readonly stream: string | undefined;
  readonly seq: number | undefined;
}

/** Any push, as `on("event")` gets it: `name` says what `data` is. One that this version does not know has no name. */
export type AnyPush = Place & (NamedPush | { readonly name: undefined; readonly type: number; readonly data: unknown });

export interface Resync {
  /** The stream that cannot be continued; `*` for all. */
  readonly stream: string;
  /** `malformed`: the server refused the cursor. */
  readonly why: ResyncWhy | "malformed";
}

/** The compiler wants each of them, under its number. Made out of `Push` they would cost a page three times as much. */
export const NAMES: { readonly [K in PushKey as (typeof Push)[K]]: Lowercase<K> } = {
  1: "login_url",
  2: "login_scan_success",
  3: "login_success",
  4: "message",
  5: "online_offline_notify",
  6: "invalidate_token",
  7: "black",
  8: "mark",
  9: "recall",
  10: "apply",
  11: "member_change",
  100: "error",
  101: "ready",
  102: "notification",
  103: "red_dot",
  104: "read",
  105: "typing",
  106: "room",
  107: "drain",
  108: "resync",
  109: "self",
  110: "message_update",
  111: "friend",
  112: "member_update",
  113: "join_request",
  114: "user",
  115: "cursor",
  116: "unblack",
  117: "custom",
  118: "reauthorize",
};

const OWN_NAMES = ["event", "state", "state-reloaded", "presence", "sent", "refused"];

/** What `on` may be given. */
export const EVENT_NAMES: readonly string[] = [...OWN_NAMES, ...Object.values(NAMES)];

type Handler = (data: never, place: Place) => unknown;

/** Handlers by name. A handler that throws, or whose promise rejects, keeps nothing from the others. */
export class Emitter {
  readonly #handlers = new Map<string, Set<Handler>>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  has(name: string): boolean {
    return (this.#handlers.get(name)?.size ?? 0) > 0;
  }

  /** @returns its end */
  on(name: string, handler: Handler): () => void {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers);
    // The same function may be given twice, and each ends on its own.
    const own: Handler = (...given) => handler(...given);
    handlers.add(own);
    return () => void handlers.delete(own);
  }

  emit(name: string, data: unknown, place: Place = { stream: undefined, seq: undefined }): void {
    for (const handler of [...(this.#handlers.get(name) ?? [])]) {
      try {
        const result = handler(data as never, place);
        if (result instanceof Promise) result.catch((error) => this.failed(error));
      } catch (error) {
        this.failed(error);
      }
    }
  }

  /** Something of the product's has failed. The function that is told of it may fail itself. */
  failed(error: unknown): void {
    try {
      this.#onError(error);
    } catch (second) {
      console.error("parley: onError failed:", second);
    }
  }

  push({ type, data, stream, seq }: PushFrame): void {
    const name = NAMES[type as keyof typeof NAMES];
    const place = { stream, seq };
    if (name) this.emit(name, data, place);
    this.emit("event", { name, type, data, ...place });
  }
}
