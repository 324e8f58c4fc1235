import { Client } from "./client.ts";
import type { ClientOptions, Internals } from "./options.ts";

export * from "./public.ts";

/**
 * The same as the module's, for programs that `require` it. Such a file does not know where it is, so a page that it is bundled for
 * has to say where the worker's file is.
 * @throws TypeError that names a wrong option
 */
export function createClient(options: ClientOptions, internals?: Internals): Client {
  return new Client(options, internals);
}
