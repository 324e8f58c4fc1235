import { type CloseCode, type ErrorCode, encodePush, Push, type PushData } from "@parley/protocol";
import type { LoginId } from "../lib/login-id.ts";
import type { ProblemError } from "../lib/problem.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { InboundAllowance } from "./inbound-allowance.ts";
import type { Wire } from "./wire.ts";

/** The login that a connection is signed in with; times in epoch milliseconds. */
export interface ConnectedLogin {
  readonly loginId: LoginId;
  readonly uid: number;
  readonly power: 0 | 1;
  readonly name: string;
  readonly avatar: string;
  readonly expiresAt: number;
  /** Of one of the product's own tokens, which the client has to follow by the next one: when it ends, as READY says it. */
  readonly tokenExpiresAt?: number;
  /** Its client may put the end off by a refresh; READY says when it ends. */
  readonly canProlong?: boolean;
}

/** What came with the handshake. */
export interface ConnectionOrigin {
  readonly id: string;
  /** The client's address in canonical form. */
  readonly ip: string;
  readonly userAgent: string;
  /** Scheme and host under which the client sees this server; empty where it cannot ask for an address that people see. */
  readonly address: string;
  /** No token came with the handshake. */
  readonly anonymous: boolean;
  /** RESUME will follow; no logged event is sent before. */
  readonly resume: boolean;
  /** How long its client may be silent; 0: for ever, since it cannot send. */
  readonly idleMs: number;
  readonly connectedAt: number;
}

/** `gone`: the connection ended before its token was checked. */
type TokenOutcome = "accepted" | "bad_token" | "gone";

/** How long before the end of the product's token its client is asked for the next one. */
const REAUTHORIZE_MS = 60_000;

/** Of a token that is short, half of what is left passes first, so that a product of such tokens is not asked without a pause. */
function reauthorizeAt({ tokenExpiresAt }: ConnectedLogin, now: number): number {
  if (tokenExpiresAt === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(tokenExpiresAt - REAUTHORIZE_MS, now + (tokenExpiresAt - now) / 2);
}

/** An anonymous reader of a public hall goes through the same states without a login. */
export type ConnectionState =
  /** Reads nothing. */
  | { readonly kind: "anonymous" }
  /** A token is being checked, or its owner's first frames are being read; frames that arrive meanwhile wait. */
  | {
      readonly kind: "authorizing";
      readonly waiting: string[];
      readonly login: ConnectedLogin | undefined;
      /** The cursor that its client came with, if it is known yet. */
      readonly cursor?: string | undefined;
    }
  | {
      readonly kind: "awaiting-resume";
      readonly login: ConnectedLogin | undefined;
      readonly deadline: number;
      /** The one that READY named. */
      readonly cursor: string;
      /** Settles when RED_DOT has been sent, which comes before what RESUME brings; undefined: an anonymous reader gets none. */
      readonly counted?: Promise<void> | undefined;
    }
  | {
      readonly kind: "catching-up";
      readonly login: ConnectedLogin | undefined;
      /** What the client has now. */
      readonly cursor: () => string;
      /** Settles when it is live or has ended. */
      readonly done: Promise<void>;
    }
  | { readonly kind: "live"; readonly login: ConnectedLogin | undefined }
  | { readonly kind: "closed" };

/**
 * One live connection, by WebSocket or event stream: its wire, its state and what the sweep measures. It moves bytes and holds the
 * state; `connection-lifecycle.ts`, `commands.ts` and the hub decide which state comes next.
 */
export class Connection {
  readonly origin: ConnectionOrigin;
  state: ConnectionState = { kind: "anonymous" };
  /** Epoch milliseconds at which its login ends, as far as is known; looked up again when that time has come. */
  loginEndsAt = Number.POSITIVE_INFINITY;
  /** Epoch milliseconds at which its client is asked for the product's next token; infinite where there is nothing to ask for. */
  reauthorizeAt = Number.POSITIVE_INFINITY;
  /** That of a later token than the one that signed it in. */
  #laterLogin: ConnectedLogin | undefined;
  /** What became of its handshake: it was closed as soon as it was open, since a page sees no other refusal, or it was accepted. */
  handshake: "accepted" | "draining" | "banned" | "full" = "accepted";
  /** Called once when the handshake's token has been checked; not kept any longer, since there are many connections. */
  onTokenChecked: ((outcome: TokenOutcome, login?: ConnectedLogin) => void) | undefined;
  /** The token of the handshake, until it is checked. */
  token: string | null = null;
  /** `uptimeMs` of the last received frame, control frames included. */
  lastReceivedMs = uptimeMs();
  readonly inbound = new InboundAllowance();
  /** `uptimeMs` at which it became its user's; 0 until then. */
  signedInMs = 0;
  /** Since when more than half of the queue is full; 0: it is not. */
  slowSinceMs = 0;
  /** Set while it counts as anonymous; called when it signs in. */
  onSignedIn: (() => void) | undefined;
  /** Its number in the order in which connections of this node began; 0 until the hub has it. */
  serial = 0;
  /** Each is called once when the connection has ended; commands add what they have to clean up. */
  readonly onClosed: (() => void)[] = [];
  #wire: Wire | undefined;
  #drained: (() => void) | undefined;

  constructor(origin: ConnectionOrigin) {
    this.origin = origin;
  }

  get login(): ConnectedLogin | undefined {
    const login = "login" in this.state ? this.state.login : undefined;
    return login && (this.#laterLogin ?? login);
  }

  /** A token has signed it in; from now on the connection lives as long as that token's login. */
  livesAsLongAs(login: ConnectedLogin, now: number): void {
    this.loginEndsAt = login.expiresAt;
    this.reauthorizeAt = reauthorizeAt(login, now);
  }

  /** The same for another token of its user. */
  goOnWith(login: ConnectedLogin, now: number): void {
    this.#laterLogin = login;
    this.livesAsLongAs(login, now);
  }

  get transport(): "websocket" | "sse" {
    return this.#wire?.transport ?? "websocket";
  }

  /** What came of the handshake's token; further calls say nothing. */
  tokenChecked(outcome: TokenOutcome, login?: ConnectedLogin): void {
    const tell = this.onTokenChecked;
    this.onTokenChecked = undefined;
    tell?.(outcome, login);
  }

  /** How lines of the log name it: its id, and the person who is signed in. */
  get named(): { connection: string; uid: number | undefined } {
    return { connection: this.origin.id, uid: this.login?.uid };
  }

  get closed(): boolean {
    return this.state.kind === "closed";
  }

  /**
   * What the client has, as a cursor to come back with. `now`: the cursor of connections that are live, or that read nothing.
   */
  cursor(now: string): string {
    const { state } = this;
    if (state.kind === "catching-up") return state.cursor();
    if (state.kind === "awaiting-resume") return state.cursor;
    return (state.kind === "authorizing" ? state.cursor : undefined) ?? now;
  }

  /** Bytes that the socket could not take yet; meaningful from the next turn of the loop on. */
  get queuedBytes(): number {
    return this.#wire?.getBufferedAmount() ?? 0;
  }

  opened(wire: Wire): void {
    this.#wire = wire;
  }

  /** Hands over one frame's text. It is written, or queued up to the hard limit, at which the socket is cut. */
  send(frame: string): void {
    this.#wire?.send(frame);
  }

  /** The same for a frame after which the client has everything up to `cursor`. */
  sendAt(frame: string, cursor: string): void {
    if (this.#wire?.sendAt) this.#wire.sendAt(frame, cursor);
    else this.send(frame);
  }

  /** Runs `write`, whose frames leave in as few writes to the socket as possible. */
  cork(write: () => void): void {
    if (this.#wire?.cork) this.#wire.cork(write);
    else write();
  }

  /** Tells the client how long to wait after the end, for transports whose clients come back by themselves. */
  retryAfter(ms: number): void {
    this.#wire?.retryAfter?.(ms);
  }

  push<T extends keyof PushData>(type: T, data: PushData[T]): void {
    this.send(encodePush(type, data));
  }

  error(code: ErrorCode, message: string, requestType?: number): void {
    this.push(Push.ERROR, requestType === undefined ? { code, message } : { code, message, requestType });
  }

  subscribe(topic: string): void {
    this.#wire?.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    this.#wire?.unsubscribe(topic);
  }

  /** Whether it gets a stream's events live. */
  isSubscribed(topic: string): boolean {
    return this.#wire?.isSubscribed(topic) ?? false;
  }

  /** Ends with a close frame. The runtime runs the close handler before this returns. */
  close(code: CloseCode, reason: string): void {
    this.#wire?.close(code, reason);
  }

  /** Ends since its user may not be here, such as `banned` or `account_disabled`; the client stops. */
  closeKeptOut({ code, message }: ProblemError): void {
    this.error(code, message);
    this.close(4003, code);
  }

  /** Ends since its user has too many, of which it is the oldest. */
  closeReplaced(): void {
    this.close(4029, "too many connections of this user");
  }

  /** Ends at once, for peers that go on sending: after a close frame the runtime would read them for 16 s. They see 1006. */
  cut(): void {
    this.#wire?.terminate();
  }

  /** Resolves when everything queued has been taken by the socket, or the connection has ended. */
  drained(): Promise<void> {
    if (this.closed || this.queuedBytes === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  onDrained(): void {
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }

  /** Called by the close handler: nothing is sent any more. */
  ended(): void {
    this.state = { kind: "closed" };
    this.onDrained();
    for (const clean of this.onClosed.splice(0)) clean();
  }
}
