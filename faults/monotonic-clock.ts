import { dlopen, FFIType, ptr } from "bun:ffi";

/** Linux's clock that nobody sets, the same in all processes: what happened in two of them is put in order by it. */
const MONOTONIC = 1;

const { symbols: libc } = dlopen("libc.so.6", {
  clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
});

/** Milliseconds since the machine's start. The wall clock is of no use here: machines set theirs while they run. */
export function monotonicMs(): number {
  const time = new BigInt64Array(2);
  if (libc.clock_gettime(MONOTONIC, ptr(time)) !== 0) throw new Error("there is no monotonic clock");
  return Number(time[0]) * 1000 + Number(time[1]) / 1e6;
}
