import { readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { NodeId } from "../bus/bus.ts";
import { makeDataDir, privateFile } from "../db/sqlite/data-dir.ts";
import { holdExclusively } from "../db/sqlite/files.ts";
import { systemClock } from "../lib/clock.ts";
import type { Stop } from "../lib/interval.ts";

/** The id of the running kernel, which knows the locks. A file of another kernel that looks unlocked proves nothing. */
const BOOT = "/proc/sys/kernel/random/boot_id";
const FILE = /^node-([0-9a-f]{32})-([0-9a-f]{16})(\.new)?$/;
/** Files that others left behind this long ago are removed. */
const OLD_MS = 24 * 3_600_000;

/** The locks of this process. They are kept here because a lock would be released with the last reference to it. */
const LOCKS = new Set<Stop>();

/**
 * Makes a file for this node in the data folder, which the process locks for as long as it lives. So a node that starts knows which earlier nodes
 * have ended, even by `kill -9`, and nobody has to wait until their leases lapse. Where the folder cannot be used, and on other systems than Linux, the leases have to lapse.
 * @returns `ended`: nodes that used this folder on this machine and whose processes are gone; `problem`: why the folder cannot be used
 */
export function takeNodeFile(dir: string, node: NodeId): { ended: NodeId[]; problem?: string; release: Stop } {
  const boot = bootId();
  if (boot === undefined) return { ended: [], release: () => {} };
  try {
    makeDataDir(dir);
    const name = `node-${boot}-${node}`;
    // It gets its name when it is locked, so that nobody ever sees it without the lock.
    const path = privateFile(dir, `${name}.new`);
    const unlock = holdExclusively(path);
    renameSync(path, join(dir, name));
    if (unlock) LOCKS.add(unlock);
    const release = () => {
      rmSync(join(dir, name), { force: true });
      unlock?.();
      if (unlock) LOCKS.delete(unlock);
    };
    return { ended: endedIn(dir, boot), release };
  } catch (error) {
    return { ended: [], problem: (error as Error).message, release: () => {} };
  }
}

function bootId(): string | undefined {
  try {
    return readFileSync(BOOT, "utf8").replaceAll("-", "").trim();
  } catch {
    return undefined;
  }
}

function endedIn(dir: string, boot: string): NodeId[] {
  const ended: NodeId[] = [];
  for (const name of readdirSync(dir)) {
    const [, itsBoot, node, isNew] = FILE.exec(name) ?? [];
    if (node === undefined) continue;
    const path = join(dir, name);
    if (itsBoot === boot && !isNew) {
      const unlock = holdExclusively(path);
      if (!unlock) continue;
      ended.push(node);
      rmSync(path, { force: true });
      unlock();
    } else if (systemClock.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) > OLD_MS) {
      rmSync(path, { force: true });
    }
  }
  return ended;
}
