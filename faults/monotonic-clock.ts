import { dlopen, FFIType, ptr } from "bun:ffi";

/** A Linux clock that nobody can set and that all processes share, so events in two processes can be put in order by it. */
const MONOTONIC = 1;

const { symbols: libc } = dlopen("libc.so.6", {
  clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
});

/** Milliseconds since the machine started. The wall clock is of no use here: it is set while the test runs. */
export function monotonicMs(): number {
  const time = new BigInt64Array(2);
  if (libc.clock_gettime(MONOTONIC, ptr(time)) !== 0) throw new Error("there is no monotonic clock");
  return Number(time[0]) * 1000 + Number(time[1]) / 1e6;
}
