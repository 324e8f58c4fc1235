import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Stop } from "../lib/interval.ts";

/** A path that is longer does not fit into the kernel's address of a Unix socket, which ends with a zero byte. */
const PATH_BYTES_MAX = 107;
const NAME = "parley.sock";

export interface SocketPlace {
  readonly path: string;
  /** Removes it. */
  readonly remove: Stop;
}

/**
 * Where the supervisor listens for its workers: in the data folder, or where that path is too long, in a new folder of its own. Only for
 * the holder of the data folder's lock, since what an earlier supervisor has left there is removed.
 */
export function socketPlace(dataDir: string, temporary = tmpdir()): SocketPlace {
  const path = resolve(dataDir, NAME);
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) {
    const remove = () => rmSync(path, { force: true });
    remove();
    return { path, remove };
  }
  // `mkdtemp` makes it for this user alone.
  const folder = mkdtempSync(join(temporary, "parley-"));
  return { path: join(folder, NAME), remove: () => rmSync(folder, { recursive: true, force: true }) };
}
