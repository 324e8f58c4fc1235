import { readFileSync } from "node:fs";
import { join } from "node:path";
import { left } from "./checker.ts";
import type { Child } from "./child.ts";
import type { AppDump, ClientsCall } from "./clients.ts";
import type { Evidence } from "./evidence.ts";

const CATCH_UP_MS = 60_000;

/** Waits until no client misses anything, within a limit. @returns how long that took, or undefined */
export async function caughtUp(what: {
  clients: Child<ClientsCall>;
  uids: readonly number[];
  dir: string;
  evidence: Evidence;
}): Promise<number | undefined> {
  const begunAt = performance.now();
  const file = join(what.dir, "standing");
  while (performance.now() - begunAt < CATCH_UP_MS) {
    await what.clients.ask({ ask: "standing", file });
    const apps = read<AppDump>(file).clients;
    const databaseFile = await what.evidence.file(["events"]);
    if (left({ ...what, databaseFile, apps }).every((count) => count === 0)) {
      return performance.now() - begunAt;
    }
    await Bun.sleep(500);
  }
  return undefined;
}

/** Reads what a process of the test wrote to a file because it is too much for a message. */
export function read<T>(file: string): T {
  return JSON.parse(readFileSync(file, "utf8")) as T;
}
