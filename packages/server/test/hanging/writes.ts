import { single } from "../../src/db/procedures.ts";
import { ofServer } from "../../src/db/share.ts";
import { procedures } from "../../src/writes.ts";

/** Stops the writer thread for good, like a disk that does not answer. */
export async function hang(): Promise<void> {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** The server's procedures and this one. */
export const hangTable = { ...procedures, hang: single(hang, ofServer()) };
