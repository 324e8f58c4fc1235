/** The writer thread of production, which also runs `test.flood`. */
import "./flood-writes.ts";
import "../../src/writer-thread.ts";
