/*
 * Several runs of tests may be under way at once, and what one of them has chosen is free until its program listens. Each therefore chooses from a part
 * of the ports, which differs in most cases.
 */

/** A port that was free just now, for programs that cannot be given port 0 and then asked which one they got. */
export function freePort(): number {
  return lastingPort();
}

/**
 * The same for a program that is killed and started again. The kernel gives this port to no outgoing connection, so nobody takes it in
 * the meantime, and no client that tries to reconnect is connected with itself. Each call gives another one.
 */
export function lastingPort(): number {
  for (let tries = 0; tries < 100; tries++) {
    const port = LOWEST + (process.pid % PARTS) + PARTS * Math.floor(Math.random() * PORTS_OF_A_PART);
    if (given.has(port) || !isFree(port)) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no port from ${LOWEST} to ${FIRST_OUTGOING} is free`);
}

const given = new Set<number>();
const LOWEST = 20_000;
/** The first one of Linux's `ip_local_port_range`. */
const FIRST_OUTGOING = 32_768;
const PARTS = 8;
const PORTS_OF_A_PART = (FIRST_OUTGOING - LOWEST) / PARTS;

function isFree(port: number): boolean {
  try {
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}
