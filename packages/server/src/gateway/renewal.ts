import { Push } from "@parley/protocol";
import type { Clock } from "../lib/clock.ts";
import { ProblemError } from "../lib/problem.ts";
import type { ConnectedLogin, Connection } from "./connection.ts";

export interface RenewalParts {
  readonly findLogin: (token: string) => Promise<ConnectedLogin | undefined>;
  readonly clock: Clock;
  /** Counts a token that was not valid. @throws ProblemError `rate_limited` when its sender has sent too many */
  readonly countBadToken: (ip: string) => void;
}

/**
 * A signed-in client brings another token of its user: the connection continues with that token's login, and nothing that is sent to it is
 * delayed meanwhile. A token that is not valid, or is somebody else's, changes nothing.
 * @returns false when the login has ended again at once
 * @throws ProblemError `conflict`, `unauthorized`, `rate_limited`, and what `findLogin` does
 */
export async function renewLogin(connection: Connection, token: string, parts: RenewalParts): Promise<boolean> {
  const { findLogin, clock, countBadToken } = parts;
  const login = await findLogin(token);
  const before = connection.login;
  if (connection.closed || !before) return true;
  if (!login) {
    countBadToken(connection.origin.ip);
    throw new ProblemError("unauthorized", "This token is not valid; the connection keeps the previous one");
  }
  if (login.uid !== before.uid) throw new ProblemError("conflict", "This connection is signed in as somebody else");
  connection.goOnWith(login, clock.now());
  // The login may have ended before the connection had it, so nothing could find this connection to close it.
  if ((await findLogin(token)) === undefined) return false;
  if (connection.closed || connection.login !== login) return true;
  const { uid, name, avatar, power } = login;
  connection.push(Push.LOGIN_SUCCESS, { uid, name, avatar, token, power });
  return true;
}
