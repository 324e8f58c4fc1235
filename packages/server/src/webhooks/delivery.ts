import type { StoredEvent } from "../event-log/log-reader.ts";
import type { Clock } from "../lib/clock.ts";
import { CAPS } from "../limits/caps.ts";
import { SIZES } from "../limits/sizes.ts";
import type { Metrics } from "../ops/metrics.ts";
import { NoReply, post } from "./post.ts";
import { signedHeaders } from "./signature.ts";
import { type Telling, type TellingParts, tellingsOf } from "./tellings.ts";
import type { WebhookEvent } from "./webhook-form.ts";

/** An address, as it is now. */
export interface WebhookTarget {
  readonly id: number;
  readonly url: string;
  readonly secret: string;
  /** Null: all. */
  readonly events: ReadonlySet<string> | null;
}

export interface DeliveryParts extends TellingParts {
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, "webhookDeliveries">;
  /** How long an address may take to answer. [10 s] */
  readonly timeoutMs?: number | undefined;
}

/** A try that failed, and why, in a few words without anything of the reply's text. */
export class DeliveryFailed extends Error {
  override name = "DeliveryFailed";
}

/** Which events an address wants to hear of, by name. */
export function wantsOf({ events }: WebhookTarget): (name: WebhookEvent) => boolean {
  return (name) => events === null || events.has(name);
}

/**
 * Tells an address of an event, as it is now: one request, or two where it wants to know for whom a message waits as well.
 * @throws DeliveryFailed
 */
export async function deliverEvent(
  parts: DeliveryParts,
  target: WebhookTarget,
  { event, ...how }: { event: StoredEvent; attempt: number; signal: AbortSignal },
): Promise<void> {
  for await (const telling of tellingsOf(parts, event, wantsOf(target)))
    await deliver(parts, target, { telling, ...how });
}

/** Any answer but a 2xx is a failure, redirects too. @throws DeliveryFailed */
export async function deliver(
  { clock, metrics, timeoutMs = CAPS.webhookWait.count * 1000 }: Pick<DeliveryParts, "clock" | "metrics" | "timeoutMs">,
  { id, url, secret }: WebhookTarget,
  { telling, attempt, signal }: { telling: Telling; attempt: number; signal: AbortSignal },
): Promise<void> {
  const { body } = telling;
  const signed = signedHeaders(secret, { id: `${telling.id}-${id}`, timestamp: Math.floor(clock.now() / 1000), body });
  const headers = { ...signed, "webhook-attempt": String(attempt) };
  const reason = await post(url, { headers, body }, { timeoutMs, maxBytes: SIZES.webhookReply.count, signal }).then(
    ({ status }) => (status >= 200 && status < 300 ? undefined : `the answer is ${status}`),
    (error: unknown) => {
      if (error instanceof NoReply) return error.message;
      throw error;
    },
  );
  if (reason === undefined) metrics.webhookDeliveries.inc({ result: "delivered" });
  else {
    if (!signal.aborted) metrics.webhookDeliveries.inc({ result: "failed" });
    throw new DeliveryFailed(reason);
  }
}
