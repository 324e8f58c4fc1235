import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../packages/server/test/needs.ts";

const SOURCE = new URL("./native/moved-clock.c", import.meta.url).pathname;

/** The wall clock of one process, which can be set while it runs. Without a C compiler (never in CI) the clock stays as it is. */
export class MovedClock {
  readonly #dir = mkdtempSync(join(tmpdir(), "parley-faults-clock-"));
  readonly #file = join(this.#dir, "clock");
  readonly #open = openSync(this.#file, "w+");
  readonly #library = build(this.#dir);
  jumps = 0;

  constructor() {
    this.#write(0);
  }

  get moves(): boolean {
    return this.#library !== undefined;
  }

  /** The environment of the process that has this clock. */
  get env(): Record<string, string> {
    return this.#library === undefined ? {} : { LD_PRELOAD: this.#library, MOVED_CLOCK_FILE: this.#file };
  }

  /** From now on it is this far from the true one. */
  set(offsetMs: number): void {
    if (!this.moves) return;
    this.jumps += 1;
    this.#write(offsetMs);
  }

  remove(): void {
    closeSync(this.#open);
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #write(offsetMs: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(offsetMs));
    writeSync(this.#open, bytes, 0, 8, 0);
  }
}

function build(dir: string): string | undefined {
  const gcc = needs("gcc");
  if (!gcc) return undefined;
  const library = join(dir, "moved-clock.so");
  const built = Bun.spawnSync([gcc, "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"]);
  if (built.exitCode !== 0) throw new Error(built.stderr.toString());
  return library;
}
