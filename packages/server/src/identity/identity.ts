import type { Config } from "../config/config.ts";
import type { ReadDatabase } from "../db/open.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import type { Writes } from "../db/writer.ts";
import type { Routes } from "../http/openapi.ts";
import { perWindow, RateLimit } from "../http/rate-limit.ts";
import type { Clock } from "../lib/clock.ts";
import { Accounts } from "./accounts.ts";
import { accountsRoutes } from "./accounts-routes.ts";
import { Logins } from "./logins.ts";
import { loginsRoutes } from "./logins-routes.ts";
import { meRoutes } from "./me-routes.ts";
import { Passwords } from "./passwords.ts";
import { QrLogins } from "./qr-login.ts";
import { qrRoutes } from "./qr-routes.ts";
import { usersRoutes } from "./users-routes.ts";

const QR_CODES_PER_MINUTE = 20;

export interface Identity {
  readonly logins: Logins;
  readonly qrLogins: QrLogins;
  readonly routes: readonly Routes[];
  /** To be called for every announced event. */
  onEvent(event: LoggedEvent): void;
  /** To be called every 10 s or so, and once before the end: writes what waits, removes what expired; bounded work. */
  sweep(): Promise<void>;
  /** Before a stop: answers hanging polls, now and from now on at once. */
  release(): void;
}

/** This room's parts, wired. Does no I/O. */
export function createIdentity(parts: {
  config: Pick<Config, "accounts" | "rateLimits" | "listen">;
  db: ReadDatabase;
  epoch: string;
  writes: Writes;
  clock: Clock;
}): Identity {
  const { config, clock } = parts;
  const accounts = new Accounts({ ...parts, passwords: new Passwords() });
  const logins = new Logins(parts);
  const qrLogins = new QrLogins(parts);
  const rate = perWindow(QR_CODES_PER_MINUTE, 60_000);
  const creations = new RateLimit({ what: "QR codes from this address", rate, clock, enabled: config.rateLimits });
  return {
    logins,
    qrLogins,
    routes: [
      accountsRoutes({ accounts }),
      loginsRoutes({ ...parts, logins }),
      meRoutes(parts),
      usersRoutes(parts),
      qrRoutes({ qrLogins, urlSource: config.listen, creations }),
    ],
    onEvent(event) {
      logins.onEvent(event);
      qrLogins.onEvent(event);
    },
    async sweep() {
      await logins.sweep();
      await qrLogins.sweep();
    },
    release: () => qrLogins.release(),
  };
}
