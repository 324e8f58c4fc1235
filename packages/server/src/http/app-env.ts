import type { ProblemError } from "../lib/problem.ts";
import type { HeavyWork } from "../limits/heavy-work.ts";
import type { ClientAddress } from "./client-ip.ts";
import type { LargeReplies } from "./large-replies.ts";
import type { CountBadToken, FindLogin, Login } from "./login.ts";
import type { ServerKey } from "./server-key.ts";

/** What comes with a request from the listener: `app.fetch(request, bindings)`; in handlers `c.env`. */
export interface AppBindings {
  /** The client's address in canonical form, taken through trusted proxies. */
  readonly ip: string;
  /** How that address was found, and whether the peer is a trusted proxy; if absent, the peer counts as untrusted. */
  readonly address?: ClientAddress;
  /** The listener that accepted it, for timeouts of long requests; absent when a test calls the app directly. */
  readonly server?: Bun.Server<unknown>;
}

/** What handlers find in `c.var`. */
export interface AppVariables {
  /** The login that asks; set by `requireLogin` and `optionalLogin`, undefined for anonymous requests and on other routes. */
  login: Login | undefined;
  /** Set on routes that answer only administrators. */
  isForAdministrators?: boolean;
  /** A page of another host makes its visitor's browser send this, whether or not the page can read the reply. */
  fromForeignPage: boolean;
  /** The server key that asks; set for requests to the server API with a valid key. */
  serverKey?: ServerKey | undefined;
  /** Checks the server key again, if there is one. @throws ProblemError `unauthorized` */
  findKeyAgain?: () => Promise<void>;
  findLogin: FindLogin;
  countBadToken: CountBadToken;
  /** The refusal for somebody at a banned address; absent: no address is banned. The listener has already asked when the request came. */
  addressRefusal?: ((ip: string) => ProblemError | undefined) | undefined;
  /** Counts the request as this person's; absent when a test calls routes without the app. @throws ProblemError `rate_limited` */
  countRequest?: (uid: number) => void;
  heavyWork: HeavyWork;
  largeReplies: LargeReplies;
  /** What is wrong with the body's bytes, once somebody has read them. */
  bodyFault?: ProblemError;
}

export interface AppEnv {
  Bindings: AppBindings;
  Variables: AppVariables;
}
