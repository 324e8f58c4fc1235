/** What has happened, in the form of webhooks and the feed. */
export interface ToldEvent {
  /** Such as `MESSAGE`, `user.created`, `online`, `message.offline`; for the hook before a send it is `send`. */
  readonly event: string;
  /** The frame's type, as clients get it; absent if there is none. */
  readonly type?: number;
  readonly stream?: string;
  readonly seq?: number;
  /** When it happened, in epoch milliseconds. */
  readonly at?: number;
  readonly data: unknown;
}

export interface VerifyOptions {
  /** How old a request may be, in seconds [300]. */
  readonly toleranceSeconds?: number;
}

/** Headers as Node gives them, as `fetch` has them, or a function that finds one by its lower-case name. */
export type WebhookHeaders =
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | { get(name: string): string | null };

/** A request that Parley did not sign with this secret, or that is too old. Answer it with 401, and do nothing else. */
export class WebhookInvalid extends Error {
  override readonly name = "WebhookInvalid";
}

const TOLERANCE_SECONDS = 300;
/** The shortest secret that Standard Webhooks allows. */
const SECRET_BYTES = 24;

/**
 * Checks that a request comes from Parley, and reads it. Requests may come more than once: drop those whose `webhook-id` you know.
 * @param request.body as it came, before anything has parsed it
 * @param request.secret `whsec_…`, as it was shown when the webhook was made
 * @throws WebhookInvalid; TypeError for a malformed secret
 */
export async function verifyWebhook(
  request: { readonly headers: WebhookHeaders; readonly body: string | Uint8Array; readonly secret: string },
  { toleranceSeconds = TOLERANCE_SECONDS }: VerifyOptions = {},
): Promise<ToldEvent> {
  const { headers, body, secret } = request;
  const secretBytes = bytesOf(secret);
  // With an empty key anybody could sign.
  if (secretBytes.length < SECRET_BYTES) throw new TypeError("`secret` must be the webhook's, whsec_…");
  const id = headerOf(headers, "webhook-id");
  const timestamp = headerOf(headers, "webhook-timestamp");
  if (!/^\d{1,15}$/.test(timestamp)) throw new WebhookInvalid("webhook-timestamp is not a time");
  const ageSeconds = Math.abs(Date.now() / 1000 - Number(timestamp));
  if (ageSeconds > toleranceSeconds) throw new WebhookInvalid("The request is too old, or a clock is wrong");
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  const signed = new TextEncoder().encode(`${id}.${timestamp}.${text}`);
  const key = await crypto.subtle.importKey("raw", secretBytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  // There are several while a secret is being replaced; comparing takes the same time whatever they are.
  for (const one of headerOf(headers, "webhook-signature").split(" ")) {
    const [version, signature = ""] = one.split(",");
    if (version !== "v1") continue;
    if (await crypto.subtle.verify("HMAC", key, bytesOf(signature), signed)) return JSON.parse(text) as ToldEvent;
  }
  throw new WebhookInvalid("The signature is not of this secret");
}

function headerOf(headers: WebhookHeaders, name: string): string {
  const value = isGetter(headers) ? headers.get(name) : headers[name];
  const text = typeof value === "string" ? value : value?.[0];
  if (text === undefined || text === null || text === "") throw new WebhookInvalid(`There is no header ${name}`);
  return text;
}

function isGetter(headers: WebhookHeaders): headers is { get(name: string): string | null } {
  return typeof headers.get === "function";
}

/** The bytes of base64, with or without a secret's prefix; undefined for anything else. */
function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64.replace(/^whsec_/, "")), (character) => character.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
