/** What the package exports beside `createClient`, which differs between a module and CommonJS by how it finds the worker's file. */
export {
  ActiveStatus,
  ActType,
  ChangeType,
  MarkType,
  MUTED_FOR_GOOD,
} from "@parley/protocol/events";
export { EVERYBODY } from "@parley/protocol/message-type";
export type * from "./api/admin-routes.ts";
export type * from "./api/api-routes.ts";
export type * from "./api/api-types.ts";
export type { Cause } from "./api/parley-error.ts";
export { ParleyError } from "./api/parley-error.ts";
export type { Args, Reply, Route, Routes } from "./api/routes.ts";
export { Client, type ClientEvents, type SendMore } from "./client.ts";
export type { ClientState, StopWhy, WaitWhy } from "./connection/client-state.ts";
export type { TransportName } from "./connection/transports/transport.ts";
export { MessageType, Push } from "./constants.ts";
export type { ClientOptions, Internals } from "./options.ts";
export type { AnyPush, Place, PushDataByName, PushName, Resync } from "./reading/events.ts";
export type { Presence, PresentState } from "./reading/presence.ts";
export type { Reloaded, ReloadedState, ReloadRequest } from "./reading/reload.ts";
export type { StorageArea } from "./sending/stored-sends.ts";
