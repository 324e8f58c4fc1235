/** The writer thread of production, which also runs `flood`. */
import { serveWriter } from "../../src/db/serve-writer.ts";
import { floodTable } from "./flood-writes.ts";

serveWriter(floodTable);
