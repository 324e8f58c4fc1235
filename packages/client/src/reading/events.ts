import { Push, type PushData, type ResyncWhy } from "@parley/protocol/events";
import type { PushFrame } from "./push-frame.ts";

type PushKey = keyof typeof Push;

/** A push is called what the protocol calls it, in small letters: `message`, `recall`, `member_change`, `red_dot` … */
export type PushName = Lowercase<PushKey>;

/** `data` of each push. Those that this version of the server does not send are `unknown`. */
export type PushDataByName = {
  [K in PushKey as Lowercase<K>]: (typeof Push)[K] extends keyof PushData ? PushData[(typeof Push)[K]] : unknown;
};

/** Where an event stands in the log; both undefined for pushes that are not logged. */
export interface Place {
  readonly stream: string | undefined;
  readonly seq: number | undefined;
}

/** Any push, as `on("event")` gets it. */
export interface AnyPush extends Place {
  readonly name: PushName | undefined;
  readonly type: number;
  readonly data: unknown;
}

export interface Resync {
  /** The stream that cannot be continued; `*` for all. */
  readonly stream: string;
  /** `malformed`: the server refused the cursor. */
  readonly why: ResyncWhy | "malformed";
}

const NAMES = new Map(Object.entries(Push).map(([key, type]) => [type as number, key.toLowerCase() as PushName]));

const OWN_NAMES = new Set(["event", "state", "state-reloaded", "presence", "sent", "refused"]);

/** Whether `on` may be given this name. */
export function isEventName(name: string): boolean {
  return OWN_NAMES.has(name) || [...NAMES.values()].includes(name as PushName);
}

type Handler = (data: never, place: Place) => unknown;

/** Handlers by name. A handler that throws, or whose promise rejects, keeps nothing from the others. */
export class Emitter {
  readonly #handlers = new Map<string, Set<Handler>>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
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
    const name = NAMES.get(type);
    const place = { stream, seq };
    if (name) this.emit(name, data, place);
    this.emit("event", { name, type, data, ...place });
  }
}
