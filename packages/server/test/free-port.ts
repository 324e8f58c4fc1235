/*
 * Several runs of tests may be under way at once, and what one of them has chosen is free until its program listens, and again while that is down. So
 * each run keeps a name of the machine for each port that it has chosen (`reserved`), and chooses no port whose name another one has.
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
    const port = LOWEST + Math.floor(Math.random() * (FIRST_OUTGOING - LOWEST));
    if (given.has(port) || !isFree(port)) continue;
    const name = reserved(port);
    if (name === undefined) continue;
    given.set(port, name);
    return port;
  }
  throw new Error(`no port from ${LOWEST} to ${FIRST_OUTGOING} is free`);
}

/** Their names are kept for as long as this process runs. */
const given = new Map<number, unknown>();
const LOWEST = 20_000;
/** The first one of Linux's `ip_local_port_range`. */
const FIRST_OUTGOING = 32_768;

function isFree(port: number): boolean {
  try {
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}

/**
 * Takes the name of a port, which nobody else can take until this process ends: a socket without a file, as only Linux has it. A name that nothing connects to
 * disturbs nobody, unlike a socket that listens on the port. @returns undefined if another run has it
 */
function reserved(port: number): unknown {
  if (process.platform !== "linux") return port;
  try {
    const name = Bun.listen({ unix: `\0parley-test-port-${port}`, socket: { data: () => {} } });
    name.unref();
    return name;
  } catch {
    return undefined;
  }
}
