/** The writer thread of production, which also runs `hang`. */
import { serveWriter } from "../../src/db/serve-writer.ts";
import { hangTable } from "./writes.ts";

serveWriter(hangTable);
