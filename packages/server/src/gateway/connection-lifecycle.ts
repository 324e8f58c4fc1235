import {
  authorizeSchema,
  Command,
  type Cursor,
  type ErrorCode,
  encodePush,
  floorCursor,
  formatCursor,
  HALL_ROOM_ID,
  LIMITS,
  Push,
  parseCursor,
  type RedDot,
  resumeSchema,
  roomStream,
} from "@parley/protocol";
import type { z } from "zod";
import { passingFault } from "../db/faults.ts";
import type { Outbox } from "../event-log/outbox.ts";
import type { Tail } from "../event-log/tail.ts";
import type { Clock } from "../lib/clock.ts";
import { delay } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import { Seldom } from "../lib/seldom.ts";
import { uptimeMs } from "../lib/uptime.ts";
import type { Logger } from "../ops/logger.ts";
import { catchUp, type PresentState, sendPresentState } from "./catch-up.ts";
import { type CommandHandler, type Commands, command } from "./commands.ts";
import type { ConnectedLogin, Connection } from "./connection.ts";
import type { Hub } from "./hub.ts";
import { parseClientCursor } from "./parse-cursor.ts";
import { renewLogin } from "./renewal.ts";

export interface ConnectionLifecycleParts {
  readonly hub: Hub;
  readonly tail: Tail;
  readonly epoch: string;
  /** Makes a reader's view of the log; without a uid it is an anonymous reader's. */
  readonly newOutbox: (uid: number | undefined) => Outbox;
  /** The login of a token; undefined when the token is not valid. */
  readonly findLogin: (token: string) => Promise<ConnectedLogin | undefined>;
  /** Whether a token that was found, or granted, is still valid. */
  readonly isTokenValid: (token: string) => Promise<boolean>;
  /** Unread counters, with the cursor at which they were counted. */
  readonly redDotOf: (uid: number) => Promise<RedDot & { asOf: string }>;
  readonly presence: PresentState & {
    attached(uid: number): void;
    detached(uid: number): void;
    /** Resolves when `snapshotFor` can say everything. */
    whenKnown(uid: number): Promise<void>;
  };
  readonly clock: Clock;
  readonly logger: Logger;
  readonly heartbeatMs: number;
  readonly maxConnectionsPerUser: number;
  readonly maxQueueBytes: number;
  /** Whether anonymous connections read the hall. */
  readonly publicHall: boolean;
  /** Counts a start of this person. @throws ProblemError `rate_limited` */
  readonly takeStart: (uid: number) => void;
  /** Counts a start that is refused; false when its address has had so many that this one is closed at once. */
  readonly allowRefusedStart: (connection: Connection) => boolean;
  /** Counts a token that was not valid; false when its sender has sent too many of them. */
  readonly allowBadToken: (connection: Connection) => boolean;
  /** The same for a connection that is signed in. @throws ProblemError `rate_limited` */
  readonly countBadToken: (ip: string) => void;
}

/** The user of a connection that was authenticated before it opened. */
export interface SignedInReader {
  readonly login: ConnectedLogin;
  readonly token: string;
}

/** A client that comes back at once, whatever it is told, has one refusal a second for each of its connections. */
const REFUSED_AFTER_MS = 1000;
/** People who are told these by 4003 may not come in, and their clients do not come back by themselves. */
const KEPT_OUT: ReadonlySet<string> = new Set(["account_disabled", "banned"] satisfies ErrorCode[]);
const HALL_STREAM = roomStream(HALL_ROOM_ID);

/**
 * The life of a connection from its opening to its end: it signs in, gets its first frames in order (LOGIN_SUCCESS, READY,
 * RED_DOT), resumes, goes live, and ends.
 */
export class ConnectionLifecycle {
  readonly #parts: ConnectionLifecycleParts;
  readonly #unreadable = new Seldom();
  #commands: Commands | undefined;

  constructor(parts: ConnectionLifecycleParts) {
    this.#parts = parts;
  }

  /** The commands that are about the connection itself, for the table. */
  commandHandlers(): [number, CommandHandler][] {
    return [
      [Command.HEARTBEAT, () => {}],
      [Command.AUTHORIZE, command(authorizeSchema, (connection, { token }) => this.#authorize(connection, token))],
      [Command.RESUME, command(resumeSchema, (connection, data) => this.#resume(connection, data))],
    ];
  }

  /** Frames that waited for a token are run by these. Called once, after the table of commands has been made of `commandHandlers`. */
  setCommands(commands: Commands): void {
    this.#commands = commands;
  }

  /** The socket is open. */
  opened(connection: Connection, token: string | null): void {
    this.#parts.hub.add(connection);
    if (token === null) return this.#startAnonymous(connection);
    this.#authorize(connection, token).catch((error: unknown) => this.#failed(connection, error));
  }

  /** Called once for each connection that was opened. */
  closed(connection: Connection): void {
    const { hub, presence } = this.#parts;
    const { login } = connection;
    connection.tokenChecked("gone");
    connection.ended();
    hub.remove(connection);
    if (!login) return;
    hub.unbind(connection, login.uid);
    presence.detached(login.uid);
  }

  /**
   * Signs an anonymous connection in: its token was valid, or its QR code was confirmed. Sends LOGIN_SUCCESS, READY and
   * RED_DOT, in this order and before anything else that belongs to the user.
   */
  async signIn(connection: Connection, login: ConnectedLogin, token: string): Promise<void> {
    if (connection.state.kind === "catching-up") await connection.state.done;
    // A token and a QR code may both be accepted at the same time: the first one counts.
    if (connection.closed || connection.login) return;
    const waiting = connection.state.kind === "authorizing" ? connection.state.waiting : [];
    this.#bind(connection, { login, waiting });
    try {
      // The login may have ended before it was bound, when nothing could find this connection to close it.
      if (!(await this.#parts.isTokenValid(token))) return this.#closeRevoked(connection);
      // In the turn of the cursor: from it on the log brings what an anonymous reader of the hall got by the hall's topic.
      connection.unsubscribe(HALL_STREAM);
      if (connection.closed) return;
      if (connection.origin.resume) return await this.#beginToResume(connection, { login, token, waiting });
      const outbox = this.#parts.newOutbox(login.uid);
      // All in the same turn, so that one query answers them.
      const [first, redDot] = await Promise.all([outbox.openNow(), this.#redDotOf(login.uid)]);
      if (connection.closed) return;
      const cursor = outbox.cursor();
      connection.cork(() => {
        this.#sendLogin(connection, { login, token, cursor });
        connection.push(Push.RED_DOT, redDot);
      });
      const live = this.#catchUpThenLive(connection, { login, outbox, from: cursor, open: async () => first });
      // Before any frame that comes later.
      this.#commands?.runWaiting(connection, waiting);
      await live;
    } catch (error) {
      this.#failed(connection, error);
    }
  }

  /**
   * The client names its cursor by RESUME. It has often done so already: then one query finds what is unread and what was missed, so
   * RED_DOT does not come with READY here, but before everything that RESUME brings.
   */
  async #beginToResume(
    connection: Connection,
    { waiting, ...as }: { login: ConnectedLogin; token: string; waiting: readonly string[] },
  ): Promise<void> {
    const cursor = floorCursor(this.#parts.epoch, this.#parts.tail.position);
    connection.cork(() => this.#sendLogin(connection, { ...as, cursor }));
    const counted = this.#redDotOf(as.login.uid).then((redDot) => connection.push(Push.RED_DOT, redDot));
    this.#awaitResume(connection, { login: as.login, cursor, counted });
    this.#commands?.runWaiting(connection, waiting);
    await counted;
  }

  /** What is unread, once it is also known which rooms presence is to tell of. */
  async #redDotOf(uid: number): Promise<RedDot> {
    const [redDot] = await Promise.all([this.#parts.redDotOf(uid), this.#parts.presence.whenKnown(uid)]);
    return redDot;
  }

  /**
   * Opens a connection that only listens: its login is known, or it reads a public hall without one. Sends READY and, for a
   * login, RED_DOT, then what came after its cursor, or what comes from now on.
   */
  async openReader(
    connection: Connection,
    reader: SignedInReader | undefined,
    start: { from: Cursor | undefined; max: number | undefined },
  ): Promise<void> {
    const login = reader?.login;
    const cursor = start.from && formatCursor(start.from);
    this.#parts.hub.add(connection);
    if (login) this.#bind(connection, { login, waiting: [], cursor });
    else connection.state = { kind: "authorizing", login, waiting: [], cursor };
    try {
      if (reader && !(await this.#parts.isTokenValid(reader.token))) return this.#closeRevoked(connection);
      const outbox = this.#parts.newOutbox(login?.uid);
      const from = start.from ?? parseCursor(floorCursor(this.#parts.epoch, this.#parts.tail.position));
      const [first, redDot] = await Promise.all([outbox.open(from, start.max), login && this.#redDotOf(login.uid)]);
      if (connection.closed) return;
      this.#sendReady(connection, formatCursor(from));
      if (redDot) connection.push(Push.RED_DOT, redDot);
      await this.#catchUpThenLive(connection, { login, outbox, from: formatCursor(from), open: async () => first });
    } catch (error) {
      this.#failed(connection, error);
    }
  }

  /** From here on the connection is the user's, while their first frames are being read. */
  #bind(connection: Connection, as: { login: ConnectedLogin; waiting: string[]; cursor?: string | undefined }): void {
    const { hub, presence } = this.#parts;
    const { login } = as;
    connection.state = { kind: "authorizing", ...as };
    connection.livesAsLongAs(login, this.#parts.clock.now());
    this.#closeOldestOverCap(connection, hub.bind(connection, login.uid), login.uid);
    presence.attached(login.uid);
    connection.onSignedIn?.();
  }

  #startAnonymous(connection: Connection): void {
    connection.state = { kind: "anonymous" };
    if (!this.#parts.publicHall) return;
    const cursor = floorCursor(this.#parts.epoch, this.#parts.tail.position);
    this.#sendReady(connection, cursor);
    if (connection.origin.resume) return this.#awaitResume(connection, { login: undefined, cursor });
    connection.subscribe(HALL_STREAM);
    connection.state = { kind: "live", login: undefined };
    sendPresentState(connection, this.#parts);
  }

  async #authorize(connection: Connection, token: string): Promise<void> {
    if (connection.login) return this.#renew(connection, token);
    if (connection.state.kind === "catching-up") await connection.state.done;
    const before = connection.state;
    if (before.kind === "closed") return;
    if (connection.login || before.kind === "authorizing")
      throw new ProblemError("conflict", "This connection is already signed in");
    const waiting: string[] = [];
    const checking = { kind: "authorizing", waiting, login: undefined } as const;
    connection.state = checking;
    const login = await this.#parts.findLogin(token).catch((error: unknown) => this.#failed(connection, error));
    if (login) connection.tokenChecked("accepted", login);
    else connection.tokenChecked("bad_token");
    // The connection has ended, or a QR code that was confirmed meanwhile has signed it in.
    if (connection.state !== checking) return;
    if (login) return this.#start(connection, login, token);
    connection.push(Push.INVALIDATE_TOKEN, undefined);
    if (!this.#parts.allowBadToken(connection)) return connection.close(1013, "retry=60000");
    if (before.kind === "anonymous") this.#startAnonymous(connection);
    else connection.state = before;
    this.#commands?.runWaiting(connection, waiting);
  }

  async #start(connection: Connection, login: ConnectedLogin, token: string): Promise<void> {
    try {
      this.#parts.takeStart(login.uid);
    } catch (error) {
      if (this.#parts.allowRefusedStart(connection)) await delay(REFUSED_AFTER_MS);
      return this.#failed(connection, error);
    }
    await this.signIn(connection, login, token);
  }

  async #renew(connection: Connection, token: string): Promise<void> {
    const goesOn = await renewLogin(connection, token, this.#parts);
    if (!goesOn) this.#closeRevoked(connection);
  }

  async #resume(connection: Connection, request: z.output<typeof resumeSchema>): Promise<void> {
    const { state } = connection;
    if (state.kind === "live" || state.kind === "catching-up") throw new ProblemError("already_live");
    if (state.kind !== "awaiting-resume") throw new ProblemError("unauthorized", "Sign in before RESUME");
    const { login } = state;
    const asked = request.cursor ?? state.cursor;
    const cursor = this.#parseCursorOrReport(connection, asked);
    const from = cursor ? asked : state.cursor;
    const outbox = this.#parts.newOutbox(login?.uid);
    const open = async () => {
      const [first] = await Promise.all([outbox.open(cursor ?? parseCursor(from), request.max), state.counted]);
      return first;
    };
    await this.#catchUpThenLive(connection, { login, outbox, from, open });
  }

  #awaitResume(
    connection: Connection,
    as: { login: ConnectedLogin | undefined; cursor: string; counted?: Promise<void> },
  ): void {
    connection.state = { kind: "awaiting-resume", deadline: uptimeMs() + LIMITS.resumeWithinMs, ...as };
  }

  /** Brings a reader from their cursor to live. `from`: the cursor that counts until the outbox is open. */
  async #catchUpThenLive(
    connection: Connection,
    to: { login: ConnectedLogin | undefined; outbox: Outbox; from: string; open: () => Promise<string[]> },
  ): Promise<void> {
    const { login, outbox, from, open } = to;
    const { promise: done, resolve } = Promise.withResolvers<void>();
    connection.state = { kind: "catching-up", login, cursor: () => from, done };
    try {
      const first = await open();
      if (connection.closed) return;
      connection.state = { kind: "catching-up", login, cursor: () => outbox.cursor(), done };
      const { maxQueueBytes, presence } = this.#parts;
      await catchUp({ connection, outbox, login, first, maxQueueBytes, presence });
    } catch (error) {
      this.#failed(connection, error);
    } finally {
      resolve();
    }
  }

  #parseCursorOrReport(connection: Connection, text: string): Cursor | undefined {
    try {
      return parseClientCursor(text);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      connection.error(error.code, error.message, Command.RESUME);
      return undefined;
    }
  }

  #sendLogin(connection: Connection, as: { login: ConnectedLogin; token: string; cursor: string }): void {
    const { uid, name, avatar, power } = as.login;
    connection.push(Push.LOGIN_SUCCESS, { uid, name, avatar, token: as.token, power });
    this.#sendReady(connection, as.cursor);
  }

  /** `cursor`: where the reader goes on, unless the client names another one by RESUME. */
  #sendReady(connection: Connection, cursor: string): void {
    const { epoch, clock, heartbeatMs } = this.#parts;
    const { login } = connection;
    const tokenExpiresAt = login?.tokenExpiresAt;
    const frame = encodePush(Push.READY, {
      connectionId: connection.origin.id,
      epoch,
      serverTime: clock.now(),
      heartbeatMs,
      idleMs: connection.origin.idleMs,
      cursor,
      ...(tokenExpiresAt === undefined ? {} : { tokenExpiresAt }),
      ...(login?.canProlong ? { loginExpiresAt: login.expiresAt } : {}),
    });
    connection.sendAt(frame, cursor);
  }

  #closeRevoked(connection: Connection): void {
    connection.push(Push.INVALIDATE_TOKEN, undefined);
    connection.close(4001, "the login was revoked");
  }

  /** Closes the oldest connection of a user who has more than they may. */
  #closeOldestOverCap(connection: Connection, count: number, uid: number): void {
    if (count <= this.#parts.maxConnectionsPerUser) return;
    for (const oldest of this.#parts.hub.ofUser(uid)) {
      if (oldest !== connection) return oldest.closeReplaced();
    }
  }

  /** Something could not be read for the connection. What its reader got may be incomplete, so it ends. */
  #failed(connection: Connection, error: unknown): void {
    if (connection.closed) return;
    const refused = error instanceof ProblemError ? error : undefined;
    if (refused && KEPT_OUT.has(refused.code)) return connection.closeKeptOut(refused);
    if (!refused) this.#tellFault(error, connection);
    connection.close(1013, `retry=${Math.ceil(refused?.retryAfterMs ?? 1000)}`);
  }

  /** All connections find out that the database cannot be read, so that is said once in a while. */
  #tellFault(error: unknown, connection: Connection): void {
    const { logger } = this.#parts;
    const fault = passingFault(error);
    if (fault === undefined) logger.error({ err: error, ...connection.named }, "a connection could not be served");
    else
      this.#unreadable.run((left) =>
        logger.error({ fault, left }, "the database cannot be read: such connections end with 1013"),
      );
  }
}
