import type { Login } from "../http/login.ts";

/** A login as it is now, with what the gateway says about its user. */
export interface SignedIn extends Login {
  readonly name: string;
  readonly avatar: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}
