import { encodePush, Push, type Ref } from "@parley/protocol";
import type { ServerKey } from "../http/server-key.ts";
import { removeOldReplies, requestHash } from "../keys/deduped.ts";
import { turnOf } from "../limits/turn-of-key.ts";
import { LOOKED_AT_ONCE, pushEvents, removeUnusedEvents } from "./custom-writes.ts";
import { everybodyIn, reaching, reachOf } from "./reach.ts";
import type { To } from "./recipients.ts";
import type { ServerContext } from "./server-context.ts";

/** An event as the product's backend asks for it, checked by the schema of its route. */
export interface EventRequest {
  readonly to: To;
  readonly kind: string;
  readonly data?: unknown;
  readonly dedupeKey?: string | undefined;
  readonly collapseKey?: string | undefined;
  /** Seconds. */
  readonly ttl?: number | undefined;
  readonly log: boolean;
}

/** What was done with one; `created` false: it came before, and this is the first reply. */
export interface EventPushed {
  readonly reply: { readonly recipients: number; readonly skipped?: readonly Ref[] };
  readonly created: boolean;
}

/**
 * Pushes an event of the product's own to people, rooms or everybody. Where it is not to be logged, only those who are live get it.
 * @throws ProblemError `unknown_user` and `unknown_room` with the place of each, `dedupe_key_reused`, `rate_limited`, `overloaded`
 */
export async function pushEvent(
  context: ServerContext,
  key: ServerKey,
  { request, skipUnknown }: { request: EventRequest; skipUnknown: boolean },
): Promise<EventPushed> {
  const { to, kind, data = null, dedupeKey = null, collapseKey = null, ttl, log } = request;
  const write = async () =>
    context.writes.run(pushEvents, {
      ...{ by: turnOf(key), keyId: key.id, dedupeKey, requestHash: requestHash("events", request) },
      ...{ to, skipUnknown, hall: context.hall, everybody: await everybodyIn(context, to) },
      ...{ kind, data: JSON.stringify(data), collapseKey, log },
      ttlMs: ttl === undefined ? null : ttl * 1000,
    });
  const { live, ...answered } = await reaching(context, key, reachOf(to), write);
  if (live.length > 0) context.liveFrames.publish(live, encodePush(Push.CUSTOM, { kind, data }));
  return answered;
}

/**
 * Called every few seconds: forgets requests of more than a day ago, and the content of events that have left the log.
 * @param place where the looking goes on, which the caller keeps from call to call
 * @param atMost writes of each
 */
export async function forgetOldEvents(
  { writes, isClockSettled }: Pick<ServerContext, "writes" | "isClockSettled">,
  place: { after: number },
  { atMost }: { atMost: number },
): Promise<void> {
  for (let count = 0; isClockSettled() && count < atMost; count++) {
    if (!(await writes.run(removeOldReplies, undefined))) break;
  }
  for (let count = 0, looks = 0; count < atMost && looks < LOOKS; count++) {
    const { after, removed } = await writes.run(removeUnusedEvents, { after: place.after });
    place.after = after ?? 0;
    if (after === null) return;
    // Where most could go there are more: they go as fast as they can come.
    if (removed < LOOKED_AT_ONCE / 2) looks += 1;
  }
}

/** Looks that find little to remove in one round of upkeep: what is in use is looked at slowly. */
const LOOKS = 50;
