import { Client } from "./client.ts";
import type { ClientOptions, Internals } from "./options.ts";

export type { Args, Reply, Route } from "./api.ts";
export type * from "./api-types.ts";
export { Client, type ClientEvents, type SendMore } from "./client.ts";
export type {
  AnyPush,
  Cause,
  ClientState,
  Place,
  PushDataByName,
  PushName,
  Resync,
  StopWhy,
  WaitWhy,
} from "./events.ts";
export { ParleyError } from "./http.ts";
export type { StorageArea } from "./kept-sends.ts";
export type { ClientOptions, Internals } from "./options.ts";
export type { Reloaded, ReloadedState, ReloadRequest } from "./reload.ts";
export type { TransportName } from "./transports/transport.ts";

/**
 * A client of one server, for one login. Nothing happens before `start`.
 * @throws TypeError that names a wrong option
 */
export function createClient(options: ClientOptions, internals?: Internals): Client {
  // Bundlers know this form and put the file beside their output.
  const worker = () => new URL("./heartbeat-worker.js", import.meta.url).href;
  return new Client({ ...options, worker: options?.worker === undefined ? worker() : options.worker }, internals);
}
