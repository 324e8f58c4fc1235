import { type Client, ParleyError, type QrCode } from "@parley/client";
import { LIMITS } from "@parley/protocol";
import { messageOf } from "./problem-text.ts";
import type { SignedIn } from "./stored-login.ts";

/** What the person in front of the code has to know. */
export type QrStep =
  | { readonly state: "shown"; readonly url: string }
  | { readonly state: "scanned" }
  /** A request has failed, and is made again. */
  | { readonly state: "waiting"; readonly problem: string }
  /** No further code comes. */
  | { readonly state: "expired" };

export interface QrSignInParts {
  readonly client: Pick<Client, "request">;
  readonly show: (step: QrStep) => void;
  /** Ends it; nothing is shown any more. */
  readonly signal: AbortSignal;
  /** Milliseconds since some moment, whatever the clock is set to. */
  readonly now?: () => number;
  readonly askMs?: number;
  readonly pauseMs?: number;
}

/** A page that nobody looks at stops asking for new codes. */
const NEW_CODES_FOR_MS = 600_000;
/** From then on there is nothing to be had for a code: confirmed in its last moment it is kept for half a minute. */
const FORGOTTEN_MS = LIMITS.qrLifetimeMs + 30_000;
/** Between two questions. None hangs: it would keep one of the few connections that a browser has for all windows of this page. */
const ASK_MS = 2_000;
/** After a request that has failed. */
const PAUSE_MS = 3_000;

/**
 * Signs in by a code that another device confirms: shows a code, and another one when it runs out or is rejected, for ten
 * minutes. Never rejects; undefined when nobody has confirmed.
 */
export async function signInByQr(parts: QrSignInParts): Promise<SignedIn | undefined> {
  const { client, show, signal, now = () => performance.now(), askMs = ASK_MS, pauseMs = PAUSE_MS } = parts;
  const newCodesUntil = now() + NEW_CODES_FOR_MS;
  let asked: { readonly code: QrCode; readonly until: number } | undefined;
  while (!signal.aborted) {
    if (asked && now() > asked.until) asked = undefined;
    if (!asked && now() > newCodesUntil) {
      show({ state: "expired" });
      return undefined;
    }
    try {
      if (!asked) {
        asked = { code: await client.request("POST /qr-logins", { signal }), until: now() + FORGOTTEN_MS };
      }
      const { code, secret, url } = asked.code;
      const { state, token, user } = await client.request("GET /qr-logins/{code}", {
        path: { code },
        headers: { "x-qr-secret": secret },
        signal,
      });
      if (signal.aborted) return undefined;
      if (token !== undefined && user) return { token, user };
      if (state === "pending") show({ state: "shown", url });
      else if (state === "scanned") show({ state: "scanned" });
      else asked = undefined;
      if (asked) await pause(askMs, signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      // The server says when a code has ended.
      if (asked && error instanceof ParleyError && error.code === "not_found") {
        asked = undefined;
        continue;
      }
      show({ state: "waiting", problem: problemOf(error) });
      const toldMs = error instanceof ParleyError ? (error.retryAfterMs ?? 0) : 0;
      await pause(Math.max(pauseMs, toldMs), signal);
    }
  }
  return undefined;
}

function problemOf(error: unknown): string {
  const isOffline = error instanceof ParleyError && error.code === "offline";
  return isOffline ? "No connection to the server. Trying again…" : messageOf(error);
}

/** Ends early with the signal. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener("abort", end, { once: true });
  });
}
