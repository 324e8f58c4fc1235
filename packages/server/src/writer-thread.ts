/** The writer thread's entry: serves the table of write procedures. Like `server.ts` it is above all features. */
import { serveWriter } from "./db/serve-writer.ts";
import { procedures } from "./writes.ts";

serveWriter(procedures);
