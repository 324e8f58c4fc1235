import { Push } from "@parley/protocol";
import { withDeadline } from "../../../server/src/lib/interval.ts";
import type { Client } from "../../src/client.ts";
import type { ClientState } from "../../src/connection/client-state.ts";
import { createClient } from "../../src/index.ts";
import type { ClientOptions, Internals } from "../../src/options.ts";
import type { AnyPush, Resync } from "../../src/reading/events.ts";

/** Short enough for tests, long enough for a machine that is busy. */
export const QUICK = {
  readyMs: 5_000,
  openMs: 5_000,
  backoffFirstMs: 10,
  backoffMaxMs: 200,
  shortPollMs: 20,
  resyncGatherMs: 20,
  upgradeMs: 600_000,
} as const;

/** For connections that open and show nothing; those that work show READY at once. */
export const SILENT = { readyMs: 1_500 } as const;

/** A client whose events and states are kept, and can be waited for. */
export class WatchedClient {
  readonly client: Client;
  readonly pushes: AnyPush[] = [];
  readonly states: ClientState[] = [];
  readonly resyncs: Resync[] = [];
  readonly reloads: unknown[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(options: ClientOptions, { timing, ...internals }: Internals = {}) {
    this.client = createClient(options, { ...internals, timing: { ...QUICK, ...timing } });
    const { client } = this;
    client.on("event", (push) => void this.pushes.push(push));
    client.on("state", (state) => void this.states.push(state));
    client.on("resync", (resync) => void this.resyncs.push(resync));
    client.on("state-reloaded", (state) => void this.reloads.push(state));
    for (const name of ["event", "state", "resync", "state-reloaded", "sent", "refused"] as const) {
      client.on(name, () => this.#wake());
    }
    client.start();
  }

  /** Logged events of one stream, or of all. */
  events(stream?: string): AnyPush[] {
    return this.pushes.filter((push) => (stream === undefined ? push.stream !== undefined : push.stream === stream));
  }

  /** What was said in a room, in the order in which it came. */
  texts(roomId: number): string[] {
    return this.events(`room:${roomId}`).flatMap(({ type, data }) =>
      type === Push.MESSAGE ? [(data as { message: { body: { content: string } } }).message.body.content] : [],
    );
  }

  /** Seqs of a stream, in the order in which they came. */
  seqs(stream: string): number[] {
    return this.events(stream).map(({ seq }) => seq as number);
  }

  live(transport?: string): Promise<unknown> {
    const is = () => {
      const { state } = this.client;
      return state.kind === "live" && (transport === undefined || state.transport === transport);
    };
    return this.until(is, `live ${transport ?? ""}`);
  }

  said(roomId: number, text: string): Promise<unknown> {
    return this.until(() => this.texts(roomId).includes(text), `"${text}"`);
  }

  /** Resolves with a state that was there already, or with the next one of its kind. */
  was<K extends ClientState["kind"]>(kind: K): Promise<ClientState & { kind: K }> {
    return this.until(() => this.states.find((state): state is ClientState & { kind: K } => state.kind === kind), kind);
  }

  /** Looks again whenever something happens, until it finds something. */
  async until<T>(look: () => T | undefined | false, what: string, ms = 10_000): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    const wake = () => {
      const found = look();
      if (found) resolve(found);
    };
    this.#waiting.add(wake);
    wake();
    return withDeadline(promise, ms, `waited ${ms} ms for ${what}`)
      .catch((error: Error) => {
        const last = this.pushes.slice(-8).map(({ type, stream, seq }) => [type, stream, seq].join(" "));
        const states = this.states.map((state) => JSON.stringify(state)).slice(-6);
        throw new Error(`${error.message}; last events: ${last.join(", ")}; states: ${states.join(" ")}`);
      })
      .finally(() => this.#waiting.delete(wake));
  }

  /** Runs after all handlers of what has happened, including those that a test has added. */
  #wake(): void {
    queueMicrotask(() => {
      for (const wake of [...this.#waiting]) wake();
    });
  }
}
