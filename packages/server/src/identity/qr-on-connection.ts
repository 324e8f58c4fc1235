import type { Clock } from "../lib/clock.ts";
import { after, type Stop } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import { CONNECTION_RATES } from "../limits/limits.ts";
import type { IdentityContext } from "./identity-context.ts";
import type { Granted } from "./logins.ts";
import * as actions from "./qr-actions.ts";
import type { QrCode } from "./qr-login.ts";

/** The live connection that asks for a code, as far as signing in needs it. */
export interface QrAsker {
  readonly ip: string;
  readonly userAgent: string;
  /** Where a phone reaches this server. */
  baseUrl(): Promise<string>;
  readonly signedIn: () => boolean;
  readonly closed: () => boolean;
  show(code: QrCode): void;
  scanned(): void;
  signIn(granted: Granted): void;
  onClosed(clean: () => void): void;
}

type QrConnectionContext = Pick<IdentityContext, "writes" | "clock" | "qrLogins" | "rates">;

/** A new code comes this long before the shown one ends, so that nobody scans a dead one. */
const RENEW_BEFORE_MS = 10_000;
/** A page that nobody looks at stops asking for new codes. */
const RENEW_FOR_MS = 600_000;
const ASK_EVERY_MS = CONNECTION_RATES.qrCodesOnConnection.windowMs;

/**
 * Signing in over a connection: it is shown a code, and another before that one ends; the code that a phone confirms signs
 * this connection in. A code that was scanned is not replaced while its owner looks at their phone.
 */
export class QrOnConnection {
  readonly #context: QrConnectionContext;
  readonly #clock: Clock;
  readonly #asker: QrAsker;
  readonly #onError: (error: unknown) => void;
  readonly #renewBeforeMs: number;
  readonly #renewForMs: number;
  readonly #watched = new Set<Stop>();
  #renewal: Stop | undefined;
  #askedAt = 0;
  #startedAt = 0;

  constructor(parts: {
    context: QrConnectionContext;
    asker: QrAsker;
    onError: (error: unknown) => void;
    renewBeforeMs?: number;
    renewForMs?: number;
  }) {
    this.#context = parts.context;
    this.#clock = parts.context.clock;
    this.#asker = parts.asker;
    this.#onError = parts.onError;
    this.#renewBeforeMs = parts.renewBeforeMs ?? RENEW_BEFORE_MS;
    this.#renewForMs = parts.renewForMs ?? RENEW_FOR_MS;
    this.#asker.onClosed(() => this.#end());
  }

  /** The LOGIN command. @throws ProblemError `conflict` when signed in, `rate_limited` more than once per 5 s */
  async ask(): Promise<void> {
    if (this.#asker.signedIn()) throw new ProblemError("conflict", "This connection is already signed in");
    const now = this.#clock.now();
    // A clock that was set back makes nobody wait for longer.
    this.#askedAt = Math.min(this.#askedAt, now);
    const waitMs = this.#askedAt + ASK_EVERY_MS - now;
    if (waitMs > 0) {
      throw new ProblemError("rate_limited", "A QR code can be requested once in 5 s", { retryAfterMs: waitMs });
    }
    this.#askedAt = now;
    this.#startedAt = now;
    await this.#show();
  }

  async #show(): Promise<void> {
    this.#renewal?.();
    this.#renewal = undefined;
    const { ip, userAgent } = this.#asker;
    const baseUrl = await this.#asker.baseUrl();
    const code = await actions.createQrCode(this.#context, { ip, userAgent, baseUrl });
    if (this.#asker.closed() || this.#asker.signedIn()) return;
    this.#watch(code);
    this.#asker.show(code);
    this.#renewAfter(code.expiresAt - this.#clock.now() - this.#renewBeforeMs);
  }

  #renewAfter(ms: number): void {
    if (this.#clock.now() + ms - this.#startedAt > this.#renewForMs) return;
    this.#renewal = after(Math.max(0, ms), () => this.#attempt(this.#renew()));
  }

  /** A renewal that is refused, since too many ask from this address, is tried again when it may be. */
  async #renew(): Promise<void> {
    try {
      await this.#show();
    } catch (error) {
      if (!(error instanceof ProblemError) || error.retryAfterMs === undefined) throw error;
      if (!this.#asker.closed() && !this.#asker.signedIn()) this.#renewAfter(error.retryAfterMs);
    }
  }

  #watch(code: QrCode): void {
    const stopWatching = this.#context.qrLogins.watch(code.code, (state) => {
      if (state === "scanned") {
        this.#renewal?.();
        this.#renewAfter(code.expiresAt - this.#clock.now());
        this.#asker.scanned();
      } else if (state === "confirmed") this.#attempt(this.#collect(code));
      else this.#attempt(this.#renew());
    });
    const stopExpiry = after(code.expiresAt - this.#clock.now() + RENEW_BEFORE_MS, () => stop());
    const stop = () => {
      stopWatching();
      stopExpiry();
      this.#watched.delete(stop);
    };
    this.#watched.add(stop);
  }

  async #collect({ code, secret }: QrCode): Promise<void> {
    if (this.#asker.closed() || this.#asker.signedIn()) return;
    const granted = await actions.collectQrLogin(this.#context, { code, secret });
    if (!granted) return;
    // It may have closed or been signed in by a token meanwhile; then nobody gets this login's token.
    if (this.#asker.closed() || this.#asker.signedIn()) return actions.discardQrLogin(this.#context, granted);
    this.#end();
    this.#asker.signIn(granted);
  }

  #end(): void {
    this.#renewal?.();
    this.#renewal = undefined;
    for (const stop of [...this.#watched]) stop();
  }

  #attempt(work: Promise<void>): void {
    work.catch(this.#onError);
  }
}
