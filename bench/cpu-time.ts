import { dlopen, FFIType, ptr } from "bun:ffi";
import { readdirSync, readFileSync } from "node:fs";

const { symbols: libc } = dlopen("libc.so.6", {
  clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
});

/** Linux's `USER_HZ`, on every machine that Parley runs on. */
const TICKS_A_SECOND = 100;

/**
 * CPU time that a process has used so far, in nanoseconds, over all its threads, including those that have ended: the process's
 * own clock, which is exact where `/proc/<pid>/stat` counts in steps of 10 ms. What the kernel does for a `write` to loopback,
 * including the receiver's side of TCP, counts as the writer's.
 */
export function cpuNanoseconds(pid: number): number {
  // This is how clock_getcpuclockid(3) makes it: the complement of the pid, then 2 for a process's time as scheduled.
  const clock = (~pid << 3) | 2;
  const time = new BigInt64Array(2);
  if (libc.clock_gettime(clock, ptr(time)) !== 0) throw new Error(`there is no process ${pid}`);
  return Number(time[0]) * 1e9 + Number(time[1]);
}

/**
 * The same by thread name, with threads of one name added up; only threads that are alive count. It is the first number of Linux's
 * `/proc/<pid>/task/<tid>/schedstat`.
 */
export function cpuByThread(pid: number): Map<string, number> {
  const all = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const name = thread === String(pid) ? "main" : readFileSync(`/proc/${pid}/task/${thread}/comm`, "utf8").trim();
    all.set(name, (all.get(name) ?? 0) + threadNanoseconds(pid, thread));
  }
  return all;
}

/**
 * CPU time of a process and of those that it has started. Those of them that have ended and were waited for are in it too, in the kernel's
 * steps of 10 ms.
 */
export function familyNanoseconds(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(/\s+/).filter(Boolean);
  return [pid, ...children.map(Number)].reduce((sum, one) => sum + nanosecondsIfThere(one), endedNanoseconds(pid));
}

function nanosecondsIfThere(pid: number): number {
  try {
    return cpuNanoseconds(pid);
  } catch {
    // It has ended since the list was read.
    return 0;
  }
}

/** `cutime` and `cstime` of proc(5), which come after the name of the program; that may contain anything. */
function endedNanoseconds(pid: number): number {
  const [, rest = ""] = /^.*\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, "latin1")) ?? [];
  const [user, system] = rest.split(" ").slice(13, 15).map(Number) as [number, number];
  return ((user + system) * 1e9) / TICKS_A_SECOND;
}

/** Resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}

function threadNanoseconds(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  } catch {
    // The thread has ended since the folder was read.
    return 0;
  }
}
