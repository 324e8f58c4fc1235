/**
 * The door of the product's own backend: everything under `/api/v1/server`, by the product's ids and with a server key. The routes
 * here parse, ask for the key's scope (`with-key.ts`) and call an action (`*-actions.ts`); what is written is written by the same
 * procedures as for people, or beside them by rules that this folder adds (`*-writes.ts`).
 *
 * - A person or a room is named by a `Ref`: in JSON a text is an external id and a number ours; in a path ours begins with `~`.
 * - Whatever is not known is refused: a field, a person, a room. Nothing of a request that is refused is done.
 * - PUT and DELETE may be repeated, and so may a message with its `clientId`.
 * - Limits of people do not hold here. A key has its own rate, and its writes take turns as one.
 *
 * Stands above all features. Must not import the gateway, nor know which connections there are.
 */
import type { IdentityContext } from "../identity/identity-context.ts";
import type { KeyRates } from "../keys/key-rates.ts";
import type { MessagesContext } from "../messages/messages-context.ts";
import type { LiveFrames } from "../nodes/live-frames.ts";

/** What the actions of the product's backend need. */
export interface ServerContext extends IdentityContext, MessagesContext {
  readonly keyRates: KeyRates;
  readonly liveFrames: Pick<LiveFrames, "publish">;
}
