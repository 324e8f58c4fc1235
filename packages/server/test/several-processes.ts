import { readFileSync } from "node:fs";
import { withDeadline } from "../src/lib/interval.ts";
import { ServerProcess } from "./server-process.ts";

/** A server of several processes, and what a test does to them. */
export class SeveralProcesses extends ServerProcess {
  constructor(settings: Record<string, string> = {}) {
    super({ PROCESSES: "2", ...settings });
  }

  /** The processes that serve, as the system knows them. */
  get workers(): number[] {
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, "utf8");
    return children.trim().split(/\s+/).filter(Boolean).map(Number);
  }

  /** Resolves when another worker has the place of this one. */
  replaced(gone: number): Promise<void> {
    const isReplaced = () => this.workers.length === 2 && !this.workers.includes(gone);
    return until(isReplaced, 15_000, "a worker in the place of one that ended");
  }
}

/** Looks again and again, since what other processes do cannot be awaited. */
export async function until(isThere: () => boolean, withinMs: number, what: string): Promise<void> {
  const looking = (async () => {
    while (!isThere()) await Bun.sleep(20);
  })();
  await withDeadline(looking, withinMs, `waited in vain for ${what}`);
}

/** Whether a process is there and has not ended. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
