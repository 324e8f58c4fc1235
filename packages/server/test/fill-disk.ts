import { closeSync, openSync, writeSync } from "node:fs";

/** Takes all the space that is left on a disk, by a file. */
export function fillDisk(path: string): void {
  const file = openSync(path, "w");
  for (const size of [1 << 20, 4096, 1]) {
    const bytes = Buffer.alloc(size);
    try {
      while (writeSync(file, bytes) === size);
    } catch {
      // Nothing more of this size fits.
    }
  }
  closeSync(file);
}
