/** The writer thread of production, which also runs `test.hang`. */
import "./writes.ts";
import "../../src/writer-thread.ts";
