import type { Command, PushData } from "@parley/protocol";

/*
 * Numbers of commands stand in the protocol package beside schemas, whose library would be five times as large as this whole
 * client. The type is the protocol's, so the compiler refuses another number.
 */
export const COMMAND: Pick<typeof Command, "HEARTBEAT" | "RESUME" | "TYPING"> = {
  HEARTBEAT: 2,
  RESUME: 101,
  TYPING: 102,
};

/** Any frame of the server, told apart by its type. Logged events have `stream` and `seq`. */
export type PushFrame = {
  [T in keyof PushData]: {
    readonly type: T;
    readonly data: PushData[T];
    readonly stream?: string;
    readonly seq?: number;
  };
}[keyof PushData];
