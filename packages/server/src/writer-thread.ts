/**
 * The writer thread's entry: imports every module that declares write procedures, so that they are known here by name, and
 * serves them. Like `server.ts` it stands above all features.
 */
import "./writes.ts";
import { serveWriter } from "./db/serve-writer.ts";

serveWriter();
