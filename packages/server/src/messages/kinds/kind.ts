import type { Message, RepliedMessage } from "@parley/protocol";
import type { z } from "zod";

/** `body` of the message object, which the protocol package describes for clients (`ShownBodies` in `message-type.ts`). */
export type ShownBody = Message["message"]["body"];

/** What the configuration says about kinds. */
export interface KindRules {
  /** Names of the product's own kinds that people may send. */
  readonly customKinds: ReadonlySet<string>;
}

/** The contents of a message's row, and of the rows that it refers to, apart from what its kind has stored. */
export interface AboutMessage {
  readonly uid: number;
  readonly recalledBy: number | null;
}

export interface Surroundings extends AboutMessage {
  readonly atUidList: number[];
  readonly reply: RepliedMessage | null;
}

/**
 * One kind of message: the form in which it is sent, stored, shown and quoted. Everything that differs between kinds is here; who may
 * write, numbers, quotations, mentions and recalls are the same for all. A kind is a file of this folder and an entry of the table in
 * `kinds.ts`.
 */
export interface MessageKind<Body extends object, Stored extends object, Shown = ShownBody> {
  /** `type` on the wire and in the row; never changed once messages are stored. */
  readonly type: number;
  /** `body` of the request, an object; null: people do not send it, since only the server makes such messages. */
  readonly sent: z.ZodType | null;
  /** Whether people may send this one; without it they may. Pure. */
  maySend?(body: Body, rules: KindRules): boolean;
  /**
   * The contents of the row, as JSON. The digest that tells a repeat from another message is made from its values, in their order. The
   * names `mentions` and `gap` are taken.
   */
  store(body: Body): Stored;
  /** Must also take what earlier versions have stored. Pure. */
  show(stored: Stored, surroundings: Surroundings): Shown;
  /** The text that a message quoting this one shows. Pure. */
  quote(stored: Stored, message: AboutMessage): string;
}

/** Any kind, as a table holds it. */
// biome-ignore lint/suspicious/noExplicitAny: each takes its own body and what it has stored itself, which the table cannot know.
export type AnyKind<Shown = any> = MessageKind<any, any, Shown>;
