import { type AnyPush, type Client, createClient } from "@parley/client";
import { AppRecord, type SharedEvents } from "./app-record.ts";
import type { PresentView } from "./present-view.ts";
import { Random } from "./random.ts";
import { repeatingWebSocket } from "./repeating-link.ts";
import { told } from "./told.ts";
import type { TransportName } from "./wire-log.ts";

/** Periods that a person would not mind are too long for a test of a minute; the rules are the same. */
const TIMING = {
  openMs: 3_000,
  readyMs: 1_500,
  upgradeMs: 6_000,
  backoffFirstMs: 50,
  backoffMaxMs: 1_500,
  stableMs: 1_000,
  webSocketSilenceMs: 8_000,
  sseSilenceMs: 20_000,
  longPollSeconds: 10,
  shortPollMs: 300,
};

/** More events than any outage of a run leaves behind, so that every RESYNC `far` is one too many. */
const MAX_BEHIND = 100_000;

export interface ClientPlan {
  readonly url: string;
  readonly token: string;
  readonly uid: number;
  readonly transports: readonly TransportName[];
  /** The source of the pauses that it draws. */
  readonly seed: number;
}

/** Where a client begins again, and how. */
export interface Resumption {
  readonly cursor: string;
  /** How many missed events are wanted one by one. */
  readonly max: number;
  readonly transports: readonly TransportName[];
}

/** Longer than any outage of a run. */
const LIVE_MS = 60_000;
const LOOK_MS = 20;

/** One application: one client of the SDK at a time, and what it got. */
export class App {
  readonly record: AppRecord;
  readonly #plan: ClientPlan;
  readonly #random: Random;
  readonly #WebSocket: typeof WebSocket;
  #client: Client;
  #paused: ReturnType<typeof setTimeout> | undefined;
  #isBanned = false;

  constructor(plan: ClientPlan, shared: SharedEvents) {
    this.#plan = plan;
    this.#random = new Random(plan.seed);
    this.#WebSocket = repeatingWebSocket(this.#random.of("repeats"), (count) => {
      this.record.repeated += count;
    });
    this.record = new AppRecord(shared);
    this.#client = this.#open({ transports: plan.transports, max: MAX_BEHIND });
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
    this.#client = this.#open({ transports, max: MAX_BEHIND, cursor: this.#client.cursor });
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

  /** What it believes about these people. A client that polls is not notified, so it asks. */
  async presence(uids: readonly number[]): Promise<PresentView> {
    const client = this.#client;
    const liveBy = () => (client === this.#client && client.state.kind === "live" ? client.state.transport : undefined);
    const before = liveBy();
    const asks = before?.endsWith("poll") ? client.presence.ask(uids) : Promise.resolve();
    const hasAsked = await asks.then(
      () => true,
      () => false,
    );
    const states: Record<number, number> = {};
    const times: Record<number, number> = {};
    for (const uid of uids) {
      const state = client.presence.of(uid);
      if (state) states[uid] = state.activeStatus;
      times[uid] = state?.lastOptTime ?? 0;
    }
    return { uid: this.#plan.uid, transport: hasAsked && liveBy() === before ? before : undefined, states, times };
  }

  /** The product has told its user that they are banned, or that they may come back. */
  ban(isBanned: boolean): void {
    this.#isBanned = isBanned;
    if (!isBanned) this.#comeBackFromBan(this.#client);
  }

  leave(): string {
    this.#client.stop();
    return this.#client.cursor ?? "";
  }

  /** Resolves when it is live, or when it has been live for `holdMs`: the server may be killed meanwhile. */
  async comeBack(from: Resumption, holdMs: number): Promise<void> {
    this.#client = this.#open(from);
    this.#client.start();
    await this.#live();
    await Bun.sleep(holdMs);
    await this.#live();
  }

  /**
   * Goes on by these transports, and waits until it is live by them. A client that left again before that would come back with the
   * cursor of its last poll, from which the server goes on without checking how far back that is (TR-47).
   */
  async settle(transports: readonly TransportName[]): Promise<void> {
    this.switchTo(transports);
    await this.#live();
  }

  /** The news of a ban may come after it has ended: through a slow network, or from an earlier request. */
  #comeBackFromBan(client: Client): void {
    const { state } = client;
    const isKeptOut = state.kind === "stopped" && state.why === "banned";
    if (isKeptOut && !this.#isBanned && client === this.#client && this.#paused === undefined) client.start();
  }

  /** A client that does not come back is not awaited: the events it did not get are counted at the end. */
  async #live(): Promise<void> {
    const begunAt = performance.now();
    while (this.state !== "live" && performance.now() - begunAt < LIVE_MS) await Bun.sleep(LOOK_MS);
  }

  #open({ cursor, max, transports }: Omit<Resumption, "cursor"> & { cursor?: string | undefined }): Client {
    const { url, token } = this.#plan;
    // The server being unreachable, or a ban stopping the client, is part of the run and nothing to warn about.
    const onWarning = () => {};
    const options = { url, token, transports, max, worker: null, onWarning };
    const surroundings = { random: () => this.#random.next(), WebSocket: this.#WebSocket };
    const internals = { timing: TIMING, surroundings };
    const client = createClient({ ...options, ...(cursor !== undefined && { cursor }) }, internals);
    client.on("event", (push) => this.#saw(push));
    client.on("member_change", (change) => {
      const joins = change.changeType === 1 && (change.uids ?? [change.uid]).includes(this.#plan.uid);
      if (joins) void this.#readMembers(client, change.roomId);
    });
    client.on("resync", (told) => this.record.resyncs.told(told, { cursor: client.cursor ?? "", max }));
    client.on("state-reloaded", (state) => this.record.resyncs.reloaded({ everything: false, ...state }));
    client.on("state", (state) => {
      this.record.isLive(state.kind === "live");
      if (state.kind !== "stopped" || state.why !== "banned") return;
      this.record.bans += 1;
      setTimeout(() => this.#comeBackFromBan(client), LOOK_MS);
    });
    return client;
  }

  /** A newcomer reads who is in the room, and with that whether they are online. */
  async #readMembers(client: Client, id: number): Promise<void> {
    for (let tries = 0; tries < 20 && client === this.#client; tries++) {
      try {
        await client.request("GET /rooms/{id}/members", { path: { id }, query: { limit: 100 } });
        return;
      } catch {
        // The person may have been removed again; otherwise the way to the server is broken.
        await Bun.sleep(300);
      }
    }
  }

  #saw(push: AnyPush): void {
    const event = told(push);
    if (event) this.record.saw(event);
  }
}
