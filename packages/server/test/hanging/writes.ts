import { defineWrite } from "../../src/db/transaction.ts";

/** Stops the writer thread for good, as a disk does that does not answer. */
export const hang = defineWrite("test.hang", async () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
