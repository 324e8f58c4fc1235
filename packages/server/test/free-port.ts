/** A port that was free just now, for programs that cannot be given port 0 and then asked which one they got. */
export function freePort(): number {
  return portIfFree(0) as number;
}

/**
 * The same for a program that is killed and started again. The kernel gives this port to no outgoing connection, so nobody takes it in
 * the meantime, and no client that tries to reconnect is connected with itself.
 */
export function lastingPort(): number {
  for (let tries = 0; tries < 100; tries++) {
    const port = portIfFree(LOWEST + Math.floor(Math.random() * (FIRST_OUTGOING - LOWEST)));
    if (port !== undefined) return port;
  }
  throw new Error(`no port from ${LOWEST} to ${FIRST_OUTGOING} is free`);
}

const LOWEST = 20_000;
/** The first one of Linux's `ip_local_port_range`. */
const FIRST_OUTGOING = 32_768;

function portIfFree(wanted: number): number | undefined {
  try {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: wanted, socket: { data: () => {} } });
    const { port } = listener;
    listener.stop(true);
    return port;
  } catch (error) {
    if (wanted === 0) throw error;
    return undefined;
  }
}
