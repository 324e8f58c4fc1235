import type { TransportName } from "./transports/transport.ts";

/** The transports in order of preference, and how far a client had to go down. Plain data; every function is pure. */
export interface Fallback {
  readonly names: readonly TransportName[];
  /** Of the one in use. */
  readonly level: number;
  /** Failures of the one in use, in a row, while plain requests were answered. */
  readonly failures: number;
  /** Those that have carried frames: a later failure may be an accident. */
  readonly carried: readonly TransportName[];
}

/** @throws TypeError if there is none */
export function newFallback(names: readonly TransportName[]): Fallback {
  if (names.length === 0) throw new TypeError("there is no transport that this platform has");
  return { names, level: 0, failures: 0, carried: [] };
}

export function currentOf({ names, level }: Fallback): TransportName {
  return names[level] as TransportName;
}

/** Better ones than the one in use, the best first. */
export function betterThan({ names, level }: Fallback): readonly TransportName[] {
  return names.slice(0, level);
}

export function withCarried(fallback: Fallback, by: string): Fallback {
  const current = currentOf(fallback);
  return by === current
    ? { ...fallback, failures: 0, carried: [...new Set([...fallback.carried, current])] }
    : fallback;
}

/**
 * It did not open while plain requests are answered, or shows nothing. One that has worked before gets a second chance, since
 * the server may have come back between the two, or is busy.
 */
export function withFailure(fallback: Fallback, by: string): Fallback {
  const current = currentOf(fallback);
  if (by !== current) return fallback;
  const failures = fallback.failures + 1;
  return fallback.carried.includes(current) && failures < 2 ? { ...fallback, failures } : stepDown(fallback, by);
}

/** The next one, if there is one and the failed one is still in use. */
export function stepDown(fallback: Fallback, by: string): Fallback {
  if (by !== currentOf(fallback)) return fallback;
  const level = Math.min(fallback.level + 1, fallback.names.length - 1);
  return { ...fallback, level, failures: 0 };
}

/** Nothing has worked for a while: everything is tried anew. */
export function fromTheTop(fallback: Fallback): Fallback {
  return { ...fallback, level: 0, failures: 0 };
}

export function upgradedTo(fallback: Fallback, name: TransportName): Fallback {
  const level = fallback.names.indexOf(name);
  return level >= 0 && level < fallback.level ? { ...fallback, level, failures: 0 } : fallback;
}
