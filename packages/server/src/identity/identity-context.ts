import type { BaseContext } from "../db/base-context.ts";
import { perWindow, RateLimit } from "../http/rate-limit.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logins } from "./logins.ts";
import type { Passwords } from "./passwords.ts";
import type { UrlSource } from "./public-url.ts";
import type { QrLogins } from "./qr-login.ts";

/** What the actions of identity need. */
export interface IdentityContext extends BaseContext {
  /** Whether anybody may make an account. */
  readonly registrationOpen: boolean;
  /** Where a QR code's address comes from. */
  readonly urlSource: UrlSource;
  readonly passwords: Passwords;
  readonly logins: Logins;
  readonly qrLogins: QrLogins;
  readonly signInLimits: SignInLimits;
}

/** Rates of work for which nobody is signed in yet. */
export interface SignInLimits {
  /** Sign-ins and new accounts, by address. */
  readonly perAddress: RateLimit;
  /** Failed sign-ins, by the account's name. */
  readonly failures: RateLimit;
  /** QR codes, by address, over HTTP and connections together. */
  readonly qrCodes: RateLimit;
}

const TEN_MINUTES_MS = 600_000;
const PER_ADDRESS = 20;
const FAILURES_PER_NAME = 5;
const QR_CODES_PER_MINUTE = 20;

export function newSignInLimits(clock: Clock, enabled: boolean): SignInLimits {
  const limit = (what: string, count: number, windowMs: number) =>
    new RateLimit({ what, rate: perWindow(count, windowMs), clock, enabled });
  return {
    perAddress: limit("sign-ins and new accounts from this address", PER_ADDRESS, TEN_MINUTES_MS),
    failures: limit("failed sign-ins to this account", FAILURES_PER_NAME, TEN_MINUTES_MS),
    qrCodes: limit("QR codes from this address", QR_CODES_PER_MINUTE, 60_000),
  };
}
