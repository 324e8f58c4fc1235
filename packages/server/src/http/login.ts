import type { LoginId } from "../lib/login-id.ts";

/** One signed-in device. `power` 1 is an administrator of the server. */
export interface Login {
  readonly loginId: LoginId;
  readonly uid: number;
  readonly power: 0 | 1;
}

/** Finds the login of a token; undefined for one that is unknown, expired or revoked. Called once per request that needs it. */
export type FindLogin = (token: string) => Promise<Login | undefined>;

/** Counts a token that was not valid, by the address of its sender. @throws ProblemError `rate_limited` */
export type CountBadToken = (ip: string) => void;
