import { ParleyError } from "./api/parley-error.ts";
import { Client } from "./client.ts";
import { MessageType } from "./constants.ts";
import type { ClientOptions, Internals } from "./options.ts";

/** The script of a page, while it runs for the first time. */
const SCRIPT = typeof document === "undefined" ? undefined : (document.currentScript as HTMLScriptElement | null)?.src;

/**
 * Beside the script: `parley-client.js` is served with `parley-heartbeat.js`. Browsers start workers of the page's own origin only, so
 * in a page of another one it is loaded by a worker that stands in the page.
 */
const WORKER = SCRIPT === undefined ? null : workerOf(new URL("parley-heartbeat.js", SCRIPT));

function workerOf({ href, origin }: URL): string {
  return origin === location.origin ? href : URL.createObjectURL(new Blob([`importScripts("${href}")`]));
}

function createClient(options: ClientOptions, internals?: Internals): Client {
  return new Client({ ...options, worker: options?.worker === undefined ? WORKER : options.worker }, internals);
}

/** For pages without modules: `<script src="/parley-client.js"></script>`, then `Parley.createClient(…)`. */
(globalThis as { Parley?: unknown }).Parley = { createClient, Client, ParleyError, MessageType };
