import type { PushData } from "@parley/protocol/events";

/** Any frame of the server, told apart by its type. Logged events have `stream` and `seq`. */
export type PushFrame = {
  [T in keyof PushData]: {
    readonly type: T;
    readonly data: PushData[T];
    readonly stream?: string;
    readonly seq?: number;
  };
}[keyof PushData];
