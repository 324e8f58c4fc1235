import type { NodeId } from "../bus/bus.ts";
import { after, every, nextTurn, type Stop } from "../lib/interval.ts";
import { uptimeMs } from "../lib/uptime.ts";
import type { NodeChannel } from "../nodes/channel.ts";
import { NodePeople, type PeopleListener } from "./node-people.ts";
import { type Load, NO_LOAD, type OwnPeople, type PersonNews } from "./own-people.ts";
import { type PeopleChunk, PeopleLog, type PersonRow } from "./people-log.ts";
import type { Presence } from "./presence.ts";

export interface OtherNodesParts {
  readonly channel: NodeChannel;
  readonly presence: Pick<Presence, "own" | "came" | "went" | "cameAt" | "latest" | "heard">;
  /** The load that somebody has on this node; absent: it serves nobody. */
  readonly loadOf?: (uid: number) => Load;
  /** Told when somebody's load on another node may be a different one. */
  readonly loadChanged?: (uid: number) => void;
  readonly onError: (error: unknown) => void;
  /** People who have gone and are still named; for tests. */
  readonly goneMax?: number;
}

/** Changes of this node's people within this time are told together. */
const GATHER_MS = 100;
/** How often the newest version is repeated, so that the loss of the last message, or of an answer, is noticed. */
const REPEAT_MS = 3000;
/** A node whose messages get lost all the time is not asked more often than that. */
const ASK_MS = 50;
/** Questions that came within this time are answered together. */
const ANSWER_GATHER_MS = 20;
/** A node that has been silent for longer than that may be dead: its connections close nobody else's. */
const SILENT_MS = 5000;
/** People of a dead node who go in one turn of the loop. */
const GO_AT_ONCE = 500;

/**
 * Tells the other nodes who is here, and knows who is there. Each node numbers the changes of its people. A node that misses one asks
 * for everything since what it knows, so it does not matter what the bus loses, repeats or reorders.
 */
export class OtherNodes {
  readonly #parts: OtherNodesParts;
  readonly #own: OwnPeople;
  readonly #loadOf: (uid: number) => Load;
  readonly #listener: PeopleListener;
  readonly #log: PeopleLog;
  readonly #nodes = new Map<NodeId, NodePeople>();
  /** `uptimeMs` of the last question to each node, or of the last news from it that brought this one further. */
  readonly #busyMs = new Map<NodeId, number>();
  /** People of this node whose changes were not told; with the time at which they went. */
  readonly #changed = new Map<number, number | undefined>();
  readonly #questions = new Map<string, { after: number; safe: number }>();
  #onCaughtUp: () => void = () => {};
  #stopGathering: Stop | undefined;
  #stopAnswering: Stop | undefined;
  #stopped = false;

  constructor(parts: OtherNodesParts) {
    this.#parts = parts;
    const { presence, loadOf = () => NO_LOAD, loadChanged: changed = () => {} } = parts;
    this.#own = presence.own;
    this.#loadOf = loadOf;
    this.#listener = {
      came: (uid, at) => presence.came(uid, at),
      went: (uid, at) => presence.went(uid, at),
      changed,
    };
    this.#log = new PeopleLog(parts.goneMax);
  }

  start(): Stop {
    const { channel, onError } = this.#parts;
    const { bus, liveness } = channel.place;
    this.#own.watch((uid, went) => this.#note(uid, went));
    channel.on("people", (data, from) => this.#hear(data, from));
    channel.on("people?", (data, from) => this.#question(data, from));
    channel.on("people-leave", ({ keepMs }, from) => {
      const node = this.#nodes.get(from);
      if (node && typeof keepMs === "number") node.keepMs = keepMs;
    });
    for (const node of liveness.others()) this.#up(node);
    // Nodes that start together may have asked before this one could hear them.
    this.#repeat();
    const stops = [
      liveness.onUp((node) => this.#up(node)),
      liveness.onDown((node) => void this.#down(node).catch(onError)),
      bus.onRestored(() => {
        this.#repeat();
        for (const node of this.#nodes.keys()) this.#ask(node);
      }),
      every(REPEAT_MS, () => this.#repeat()),
    ];
    return () => {
      this.#stopped = true;
      // Those whom the stop cuts off come back within the grace, here or elsewhere.
      channel.send("people-leave", { keepMs: this.#own.graceMs });
      for (const stop of stops) stop();
      this.#stopGathering?.();
      this.#stopAnswering?.();
    };
  }

  /** The load that somebody has on all other nodes together; where nothing is, its times mean nothing. */
  loadOf(uid: number): Load {
    let all = NO_LOAD;
    const nowMs = uptimeMs();
    for (const node of this.#nodes.values()) {
      if (nowMs - node.heardMs > SILENT_MS) continue;
      const load = node.loadOf(uid);
      all = {
        connections: all.connections + load.connections,
        since: earlier(all.connections > 0 && all.since, load.connections > 0 && load.since),
        polls: all.polls + load.polls,
        pollingSince: earlier(all.polls > 0 && all.pollingSince, load.polls > 0 && load.pollingSince),
      };
    }
    return all;
  }

  /** Tells the other nodes what has changed without gathering any longer. */
  tellNow(): void {
    this.#stopGathering?.();
    this.#tell();
  }

  /** Resolves when this node knows who is on the others, after so long at the latest. */
  async whenCaughtUp(ms: number): Promise<void> {
    if (!this.isBehind) return;
    await new Promise<void>((resolve) => {
      const stop = after(ms, resolve);
      this.#onCaughtUp = () => {
        if (this.isBehind) return;
        stop();
        resolve();
      };
    });
    this.#onCaughtUp = () => {};
  }

  /** Whether there is something to know about the others that this node does not know yet. */
  get isBehind(): boolean {
    return [...this.#nodes.values()].some((node) => node.isBehind);
  }

  /** The newest version of who is on this node. */
  get version(): number {
    return this.#log.version;
  }

  /** Another node has got to this version, says its lease. The bus may have lost what it said last. */
  hearVersion(from: NodeId, version: number): void {
    const people = this.#nodes.get(from);
    const stillMs = uptimeMs() - (this.#busyMs.get(from) ?? 0);
    if (people && version > people.place.after && stillMs >= REPEAT_MS) this.#ask(from);
  }

  #note(uid: number, went: number | undefined): void {
    if (this.#nodes.size === 0 || this.#stopped) return;
    this.#changed.set(uid, went);
    this.#stopGathering ??= after(GATHER_MS, () => this.#tell());
  }

  #tell(): void {
    this.#stopGathering = undefined;
    const news = [...this.#changed].flatMap(([uid, went]): PersonNews[] => {
      if (this.#own.has(uid)) return [{ uid, came: this.#parts.presence.cameAt(uid), load: this.#loadOf(uid) }];
      return went === undefined ? [] : [{ uid, went }];
    });
    this.#changed.clear();
    for (const chunk of this.#log.take(news)) this.#send(chunk);
  }

  #repeat(): void {
    const { version } = this.#log;
    this.#send({ from: version, to: version, newest: version, people: [] });
  }

  #send(chunk: PeopleChunk): void {
    if (this.#nodes.size > 0) {
      this.#parts.channel.send("people", { ...chunk, sentMs: uptimeMs(), latest: this.#parts.presence.latest });
    }
  }

  #up(node: NodeId): void {
    if (this.#nodes.has(node)) return;
    this.#nodes.set(node, new NodePeople(this.#listener));
    if (this.#nodes.size === 1) for (const uid of this.#own.uids()) this.#note(uid, undefined);
    this.#ask(node);
  }

  async #down(node: NodeId): Promise<void> {
    const gone = this.#nodes.get(node);
    if (!gone) return;
    this.#nodes.delete(node);
    this.#busyMs.delete(node);
    this.#onCaughtUp();
    if (this.#nodes.size === 0) this.#beAlone();
    if (gone.keepMs > 0) await new Promise<void>((resolve) => after(gone.keepMs, resolve));
    while (!this.#stopped && gone.dropSome(GO_AT_ONCE)) await nextTurn();
  }

  /** Nobody is told anything, so nothing is noted either: it costs memory for each person. */
  #beAlone(): void {
    this.#log.clear();
    this.#changed.clear();
  }

  #ask(node: NodeId): void {
    const people = this.#nodes.get(node);
    if (!people) return;
    this.#busyMs.set(node, uptimeMs());
    this.#parts.channel.send("people?", { node, ...people.place });
  }

  #question({ node, after: afterVersion, safe }: Record<string, unknown>, from: NodeId): void {
    if (node !== this.#parts.channel.place.self || !this.#nodes.has(from)) return;
    if (typeof afterVersion !== "number" || typeof safe !== "number") return;
    this.#questions.set(`${afterVersion} ${safe}`, { after: afterVersion, safe });
    this.#stopAnswering ??= after(ANSWER_GATHER_MS, () => {
      this.#stopAnswering = undefined;
      // A node that asks may be about to serve its first reader, and nobody who is here by now may be missing there.
      this.tellNow();
      const questions = [...this.#questions.values()];
      this.#questions.clear();
      for (const question of questions) for (const chunk of this.#log.since(question)) this.#send(chunk);
    });
  }

  #hear(data: Record<string, unknown>, from: NodeId): void {
    const people = this.#nodes.get(from);
    if (!people || !isChunk(data)) return;
    this.#parts.presence.heard(data.latest);
    const nowMs = uptimeMs();
    const isFurther = people.take(data, { sentMs: data.sentMs, nowMs });
    if (!people.isBehind) return this.#onCaughtUp();
    const stillMs = nowMs - (this.#busyMs.get(from) ?? 0);
    if (isFurther) this.#busyMs.set(from, nowMs);
    // It was the last part of an answer, or something was lost before this one.
    if ((data.end && isFurther) || (data.from > people.place.after && stillMs >= ASK_MS)) this.#ask(from);
  }
}

function earlier(a: number | false, b: number | false): number {
  return Math.min(a === false ? Number.POSITIVE_INFINITY : a, b === false ? Number.POSITIVE_INFINITY : b);
}

function isChunk(
  data: Record<string, unknown>,
): data is Record<string, unknown> & PeopleChunk & { sentMs: number; latest: number } {
  const { from, to, newest, sentMs, people, forgot, latest } = data;
  const numbers = [from, to, newest, sentMs, forgot ?? 0, latest];
  return numbers.every((one) => typeof one === "number") && Array.isArray(people) && people.every(isRow);
}

function isRow(row: unknown): row is PersonRow {
  return Array.isArray(row) && row.length >= 2 && row.length <= 6 && row.every((one) => typeof one === "number");
}
