import type { Login } from "../http/login.ts";

/** A login as it is now, with what the gateway says about its user. */
export interface SignedIn extends Login {
  readonly name: string;
  readonly avatar: string;
  /** When it ends, in epoch milliseconds. */
  readonly expiresAt: number;
  /** Of one of the product's own tokens: when it ends as it says itself, which is a little before. */
  readonly tokenExpiresAt?: number;
  /** A refresh puts the end off. */
  readonly canProlong?: boolean;
}
