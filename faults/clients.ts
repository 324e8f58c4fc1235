import { writeFileSync } from "node:fs";
import { type AnyPush, type Client, createClient } from "@parley/client";
import { type AppLog, AppRecord, type SeenEvents, SharedEvents } from "./app-record.ts";
import { answer } from "./child.ts";
import type { TransportName } from "./wire-record.ts";

/*
 * The clients under test, as an application uses them, in a process of their own: each has a login and a way to the server,
 * and writes down every event that it is told. To switch is to stop, and to give the cursor to a new client with another
 * list of transports.
 */

/** What the applications saw. */
export interface AppDump {
  readonly clients: readonly AppLog[];
  readonly events: Readonly<Record<string, SeenEvents>>;
}

export interface ClientPlan {
  readonly url: string;
  readonly token: string;
  readonly transports: readonly TransportName[];
}

export type ClientsCall =
  /** Answered when all of them are live. */
  | { readonly ask: "start"; readonly clients: readonly ClientPlan[] }
  | { readonly ask: "switch"; readonly client: number; readonly transports: readonly TransportName[] }
  /** Stops one for so many milliseconds. */
  | { readonly ask: "pause"; readonly client: number; readonly ms: number }
  | { readonly ask: "states" }
  | { readonly ask: "dump"; readonly file: string }
  /** Where each stands, without what was said. */
  | { readonly ask: "standing"; readonly file: string };

/** Spans that a person would not mind are too long for a test of a minute; the rules are the same. */
const TIMING = {
  openMs: 3_000,
  readyMs: 1_500,
  climbMs: 6_000,
  backoffFirstMs: 50,
  backoffMaxMs: 1_500,
  stableMs: 1_000,
  webSocketSilenceMs: 8_000,
  sseSilenceMs: 20_000,
  longPollSeconds: 10,
  shortPollMs: 300,
};

/** More than any outage of a run leaves behind, so that a RESYNC is always one too many. */
const MAX_BEHIND = 100_000;

const shared = new SharedEvents();

class App {
  readonly record = new AppRecord(shared);
  readonly #plan: ClientPlan;
  #client: Client;
  #paused: ReturnType<typeof setTimeout> | undefined;

  constructor(plan: ClientPlan) {
    this.#plan = plan;
    this.#client = this.#open(plan.transports, undefined);
  }

  get state(): string {
    return this.#client.state.kind;
  }

  start(): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.#client.on("state", ({ kind }) => {
        if (kind !== "live") return;
        this.record.from = this.#client.cursor ?? "";
        stop();
        resolve();
      });
      this.#client.start();
    });
  }

  switchTo(transports: readonly TransportName[]): void {
    this.#client.stop();
    this.record.switches += 1;
    this.#client = this.#open(transports, this.#client.cursor);
    if (this.#paused === undefined) this.#client.start();
  }

  pause(ms: number): void {
    clearTimeout(this.#paused);
    this.#client.stop();
    this.#paused = setTimeout(() => {
      this.#paused = undefined;
      this.#client.start();
    }, ms);
  }

  #open(transports: readonly TransportName[], cursor: string | undefined): Client {
    const { url, token } = this.#plan;
    const options = { url, token, transports, max: MAX_BEHIND, worker: null };
    const client = createClient({ ...options, ...(cursor !== undefined && { cursor }) }, { timing: TIMING });
    client.on("event", (push) => this.#saw(push));
    client.on("resync", ({ stream, why }) => void this.record.resyncs.push(`${stream} ${why}`));
    client.on("state", ({ kind }) => this.record.isLive(kind === "live"));
    return client;
  }

  #saw({ stream, seq, type, data }: AnyPush): void {
    if (stream === undefined || seq === undefined) return;
    const message = (data as { message?: { id: number; clientId: string } } | undefined)?.message;
    this.record.saw({ stream, seq, type, messageId: message?.id, clientId: message?.clientId });
  }
}

let apps: App[] = [];

answer<ClientsCall>(async (call) => {
  switch (call.ask) {
    case "start":
      apps = call.clients.map((plan) => new App(plan));
      return void (await Promise.all(apps.map((app) => app.start())));
    case "switch":
      return apps[call.client]?.switchTo(call.transports);
    case "pause":
      return apps[call.client]?.pause(call.ms);
    case "states":
      return apps.map(({ state }) => state);
    case "standing":
      return writeFileSync(call.file, JSON.stringify(dump({})));
    case "dump":
      return writeFileSync(call.file, JSON.stringify(dump(shared.log)));
  }
});

function dump(events: AppDump["events"]): AppDump {
  return { clients: apps.map(({ record }) => record.log), events };
}
