import { readdirSync, readFileSync } from "node:fs";

/**
 * CPU time that a process has used so far, in nanoseconds, over all threads that live: Linux's
 * `/proc/<pid>/task/<tid>/schedstat`, whose first number is exact where `stat` counts in steps of 10 ms. What the kernel
 * does for a `write` to loopback, the receiver's side of TCP included, counts as the writer's.
 */
export function cpuNanoseconds(pid: number): number {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) sum += threadNanoseconds(pid, thread);
  return sum;
}

/** The same by thread name, the parts of one name added up. */
export function cpuByThread(pid: number): Map<string, number> {
  const all = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const name = thread === String(pid) ? "main" : readFileSync(`/proc/${pid}/task/${thread}/comm`, "utf8").trim();
    all.set(name, (all.get(name) ?? 0) + threadNanoseconds(pid, thread));
  }
  return all;
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
    // A thread that ended since the folder was read.
    return 0;
  }
}
