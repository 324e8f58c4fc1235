import { Client } from "./client.ts";
import type { ClientOptions, Internals } from "./options.ts";

export type * from "./api/admin-routes.ts";
export type * from "./api/api-routes.ts";
export type * from "./api/api-types.ts";
export type { Cause } from "./api/parley-error.ts";
export { ParleyError } from "./api/parley-error.ts";
export type { Args, Reply, Route, Routes } from "./api/routes.ts";
export { Client, type ClientEvents, type SendMore } from "./client.ts";
export type { ClientState, StopWhy, WaitWhy } from "./connection/client-state.ts";
export type { TransportName } from "./connection/transports/transport.ts";
export { type Contacts, contactsOf } from "./contacts.ts";
export { type Notifications, notificationsOf } from "./notifications.ts";
export type { ClientOptions, Internals } from "./options.ts";
export type { AnyPush, Place, PushDataByName, PushName, Resync } from "./reading/events.ts";
export type { Presence, PresentState } from "./reading/presence.ts";
export type { Reloaded, ReloadedState, ReloadRequest } from "./reading/reload.ts";
export type { StorageArea } from "./sending/stored-sends.ts";

/**
 * A client of one server, for one login. Nothing happens before `start`.
 * @throws TypeError that names a wrong option
 */
export function createClient(options: ClientOptions, internals?: Internals): Client {
  // Bundlers know this form and put the file beside their output.
  const worker = () => new URL("./heartbeat-worker.js", import.meta.url).href;
  return new Client({ ...options, worker: options?.worker === undefined ? worker() : options.worker }, internals);
}
