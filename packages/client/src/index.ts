import { Client } from "./client.ts";
import type { ClientOptions, Internals } from "./options.ts";

export * from "./public.ts";

/**
 * A client of one server, for one login. Nothing happens before `start`.
 * @throws TypeError that names a wrong option
 */
export function createClient(options: ClientOptions, internals?: Internals): Client {
  const worker = options?.worker === undefined ? workerBeside() : options.worker;
  return new Client(worker === undefined ? options : { ...options, worker }, internals);
}

/** Undefined in a bundle that is not a module, such as esbuild's `iife`: such a script does not know where it is. */
function workerBeside(): string | undefined {
  try {
    // Bundlers know this form and put the file beside their output.
    return new URL("./heartbeat-worker.js", import.meta.url).href;
  } catch {
    return undefined;
  }
}
