import { writeFileSync } from "node:fs";
import { App, type ClientPlan, type Resumption } from "./app.ts";
import { type AppLog, type SeenEvents, SharedEvents } from "./app-record.ts";
import { answer } from "./child.ts";
import type { TransportName } from "./wire-log.ts";

/*
 * The clients under test, as an application uses them, in a separate process: each has a login and a way to the server,
 * and writes down every event that it gets. A switch means to stop, and to give the cursor to a new client with another
 * list of transports.
 */

/** What the applications saw. */
export interface AppDump {
  readonly clients: readonly AppLog[];
  readonly events: Readonly<Record<string, SeenEvents>>;
}

export type ClientsCall =
  /** Answered when all of them are live. */
  | { readonly ask: "start"; readonly clients: readonly ClientPlan[] }
  | { readonly ask: "settle"; readonly client: number; readonly transports: readonly TransportName[] }
  | { readonly ask: "switch"; readonly client: number; readonly transports: readonly TransportName[] }
  /** Stops one client for this many milliseconds. */
  | { readonly ask: "pause"; readonly client: number; readonly ms: number }
  /** Stops one client. The answer is its cursor. */
  | { readonly ask: "leave"; readonly client: number }
  /** Begins again from a cursor, by one transport. It is answered when the client is live, and has been for this many milliseconds. */
  | ({ readonly ask: "return"; readonly client: number; readonly holdMs: number } & Resumption)
  /** Its person is banned from now on, or may come back. */
  | { readonly ask: "ban"; readonly client: number; readonly isBanned: boolean }
  /** Asks what each client believes about these people. The answer is a `PresentView` for each. */
  | { readonly ask: "presence"; readonly uids: readonly number[] }
  | { readonly ask: "dump"; readonly file: string }
  /** The state of each client, without what was said. */
  | { readonly ask: "standing"; readonly file: string };

const shared = new SharedEvents();
let apps: App[] = [];

answer<ClientsCall>(async (call) => {
  switch (call.ask) {
    case "start":
      apps = call.clients.map((plan) => new App(plan, shared));
      return void (await Promise.all(apps.map((app) => app.start())));
    case "settle":
      return apps[call.client]?.settle(call.transports);
    case "switch":
      return apps[call.client]?.switchTo(call.transports);
    case "pause":
      return apps[call.client]?.pause(call.ms);
    case "leave":
      return apps[call.client]?.leave();
    case "return":
      return apps[call.client]?.comeBack(call, call.holdMs);
    case "ban":
      return apps[call.client]?.ban(call.isBanned);
    case "presence":
      return Promise.all(apps.map((app) => app.presence(call.uids)));
    case "standing":
      return writeFileSync(call.file, JSON.stringify(dump({})));
    case "dump":
      return writeFileSync(call.file, JSON.stringify(dump(shared.log)));
  }
});

function dump(events: AppDump["events"]): AppDump {
  return { clients: apps.map(({ record }) => record.log), events };
}
