import type { BaseContext } from "../db/base-context.ts";
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
  /** Whether the clock has not jumped for long: what has expired by it may be removed. */
  readonly isClockSettled: () => boolean;
  readonly passwords: Passwords;
  /** Told of each sign-in by password: `wrong` is the name or the password, `refused` everything else. */
  readonly onSignIn: (result: "done" | "wrong" | "refused") => void;
  readonly logins: Logins;
  readonly qrLogins: QrLogins;
}
