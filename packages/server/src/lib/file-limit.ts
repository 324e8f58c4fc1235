import { readFileSync } from "node:fs";

/** What most systems allow a process by default. */
const USUAL_LIMIT = 1024;

/** How many files and sockets this process may have open at once. Linux says so in /proc; elsewhere the usual 1 024 is assumed. */
export function openFileLimit(): number {
  try {
    return softFileLimit(readFileSync("/proc/self/limits", "utf8"));
  } catch {
    return USUAL_LIMIT;
  }
}

/** The limit of a process (the first number) in the text that Linux shows. */
export function softFileLimit(limits: string): number {
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  if (soft === "unlimited") return 1_000_000;
  return Number(soft) > 0 ? Number(soft) : USUAL_LIMIT;
}
