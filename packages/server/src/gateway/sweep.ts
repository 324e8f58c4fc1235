import { encodePush, floorCursor, Push } from "@parley/protocol";
import type { Tail } from "../event-log/tail.ts";
import type { Clock } from "../lib/clock.ts";
import { every, type Stop } from "../lib/interval.ts";
import { uptimeMs } from "../lib/uptime.ts";
import type { ConnectedLogin, Connection } from "./connection.ts";
import type { Hub } from "./hub.ts";

export interface SweepParts {
  readonly hub: Hub;
  readonly tail: Tail;
  readonly epoch: string;
  readonly clock: Clock;
  readonly maxQueueBytes: number;
  /** When a login ends, epoch milliseconds; a refresh over HTTP may have moved it. 0 0 if there is no such login. */
  readonly loginEndOf: (login: ConnectedLogin) => Promise<number>;
  readonly onError: (error: unknown) => void;
}

const SWEEP_MS = 1000;
/** Above half its queue for this long, a reader will not catch up. */
const SLOW_MS = 5000;
const CURSOR_MS = 60_000;
/** A sweep that comes this long after the last one shows that the process was blocked. */
const LATE_MS = 2 * SWEEP_MS;

/**
 * One timer for all connections: it closes those that were silent too long, did not resume in time, read too slowly, or whose
 * login has expired. The runtime's own idle timer is off: it is reset by outgoing data, so a silent client in a busy room would
 * stay. Every minute it also sends all readers a fresh cursor.
 */
export function startSweep(parts: SweepParts): Stop {
  let nextCursorMs = uptimeMs() + CURSOR_MS;
  let lastMs = uptimeMs();
  return every(SWEEP_MS, () => {
    const nowMs = uptimeMs();
    const isLate = nowMs - lastMs > LATE_MS;
    lastMs = nowMs;
    const cursors = nowMs >= nextCursorMs;
    if (cursors) nextCursorMs = nowMs + CURSOR_MS;
    sweep(parts, { nowMs, cursors, isLate });
  });
}

export interface SweepTick {
  /** `uptimeMs`. */
  readonly nowMs: number;
  /** All readers get a cursor. */
  readonly cursors: boolean;
  /**
   * The process was blocked, for example by ten thousand people who sign in at once. What clients sent meanwhile has not been read yet, so
   * this sweep closes nobody for silence. The next one comes after that was read.
   */
  readonly isLate: boolean;
}

export function sweep(parts: SweepParts, at: SweepTick): void {
  for (const connection of [...parts.hub.all()]) check(connection, parts, at);
}

function check(connection: Connection, parts: SweepParts, at: SweepTick): void {
  const { nowMs } = at;
  if (!at.isLate && closeIfDue(connection, { nowMs, maxQueueBytes: parts.maxQueueBytes })) return;
  const now = parts.clock.now();
  if (connection.loginEndsAt <= now) recheckLogin(connection, parts).catch(parts.onError);
  else if (connection.reauthorizeAt <= now) askForNextToken(connection);
  if (!at.cursors) return;
  const { state } = connection;
  if (state.kind !== "live" && state.kind !== "catching-up") return;
  const cursor = connection.cursor(floorCursor(parts.epoch, parts.tail.position));
  connection.sendAt(encodePush(Push.CURSOR, { cursor }), cursor);
}

/** Closes a connection that was silent too long, did not resume in time or reads too slowly. @returns whether it did */
function closeIfDue(connection: Connection, at: { nowMs: number; maxQueueBytes: number }): boolean {
  const { nowMs, maxQueueBytes } = at;
  const { idleMs } = connection.origin;
  if (idleMs > 0 && nowMs - connection.lastReceivedMs > idleMs) {
    connection.close(4000, "nothing received in time");
    return true;
  }
  const { state } = connection;
  if (state.kind === "awaiting-resume" && nowMs > state.deadline) {
    connection.close(1008, "no RESUME in time");
    return true;
  }
  if (connection.queuedBytes * 2 <= maxQueueBytes) connection.slowSinceMs = 0;
  else if (connection.slowSinceMs === 0) connection.slowSinceMs = nowMs;
  else if (nowMs - connection.slowSinceMs >= SLOW_MS) {
    connection.close(4008, "reads too slowly");
    return true;
  }
  return false;
}

async function recheckLogin(connection: Connection, { clock, loginEndOf }: SweepParts): Promise<void> {
  const { login } = connection;
  if (!login) return;
  const known = connection.loginEndsAt;
  connection.loginEndsAt = Number.POSITIVE_INFINITY;
  // If the look-up fails, the old time is put back, so that the next sweep repeats it.
  const end = await loginEndOf(login).catch((error: unknown) => {
    if (connection.login === login) connection.loginEndsAt = known;
    throw error;
  });
  // Its client has brought another token meanwhile.
  if (connection.closed || connection.login !== login) return;
  connection.loginEndsAt = end;
  if (end > clock.now()) return;
  connection.push(Push.INVALIDATE_TOKEN, undefined);
  connection.close(4001, "the login has expired");
}

/** Once for each token. Before READY the client has not been told yet that it is signed in. */
function askForNextToken(connection: Connection): void {
  const expiresAt = connection.login?.tokenExpiresAt;
  if (connection.state.kind === "authorizing" || expiresAt === undefined) return;
  connection.reauthorizeAt = Number.POSITIVE_INFINITY;
  connection.push(Push.REAUTHORIZE, { expiresAt });
}
