import { unlessPassing } from "../db/storage-fault.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import type { Writes } from "../db/writer.ts";
import { type FollowedBatch, Follower } from "../event-log/follower.ts";
import type { LogReader, StoredEvent } from "../event-log/log-reader.ts";
import { delay, every } from "../lib/interval.ts";
import { CAPS } from "../limits/caps.ts";
import type { Logger } from "../ops/logger.ts";
import type { Metrics } from "../ops/metrics.ts";
import { DeliveryFailed, type DeliveryParts, deliverEvent, type WebhookTarget, wantsOf } from "./delivery.ts";
import { Gate, retryAt } from "./gate.ts";
import { Lane } from "./lane.ts";
import { toldName } from "./told-events.ts";
import { bury, followerOf, type KeptLane, keepLanes, noteFailing } from "./webhook-writes.ts";

export interface EndpointParts extends DeliveryParts {
  readonly reader: LogReader;
  readonly announcer: { readonly position: number };
  readonly writes: Writes;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** How long the follower waits for the streams of a batch; a stream that takes longer is delivered separately. */
const BATCH_MS = 1000;
/** How often the places of kept lanes are written, and how often the endpoint checks whether new events may go out again. */
const SAVE_MS = 1000;
/** Events of one stream that a lane reads at once. */
const PAGE = 50;
const DAY_MS = 24 * 3_600_000;
/** The reason for an event that was given up without a try. */
const NOTHING = "nothing could be delivered there for a day";

/**
 * One address on its way through the log. Its follower brings events in batches; each stream of a batch is a lane, and lanes are delivered
 * in parallel, each in its order. A lane that fails or is slow is kept separately (`lane.ts`), so that one room delays no other. If nothing
 * can be delivered, the breaker holds the follower at the first event of a stream that has no lane, so that no new lanes begin.
 *
 * What fails is tried again for a day, and then given up: its place becomes a dead letter. A crash forgets nothing: what was not delivered
 * comes after the follower's place or a lane's row.
 */
export class Endpoint {
  target: WebhookTarget;
  readonly gate: Gate;
  readonly #parts: EndpointParts;
  readonly #follower: Follower;
  readonly #lanes = new Map<string, Lane>();
  readonly #running = new Set<Promise<void>>();
  readonly #stopped = new AbortController();
  /** Everything up to here was delivered, or belongs to lanes. */
  #takenUpTo = 0;
  #newestAt = 0;
  #failingSince: number | null;

  constructor(parts: EndpointParts, target: WebhookTarget, failingSince: number | null) {
    this.#parts = parts;
    this.target = target;
    this.#failingSince = failingSince;
    const { clock } = parts;
    this.gate = new Gate({ clock, atOnce: CAPS.deliveries.count, onBreaker: (isOpen) => this.#onBreaker(isOpen) });
    this.#follower = new Follower({
      ...parts,
      name: followerOf(target.id),
      handle: (batch, signal) => this.#take(batch, signal),
    });
  }

  /** @param kept where streams that were behind continue. @returns a function that ends it, and resolves when all places are written */
  async start(kept: readonly KeptLane[]): Promise<() => Promise<void>> {
    const stopFollower = await this.#follower.start();
    this.#takenUpTo = this.#follower.place;
    for (const row of kept) this.#begin(new Lane(row, row));
    const stopSaving = every(SAVE_MS, () => void this.#saveLanes());
    return async () => {
      stopSaving();
      this.#stopped.abort();
      this.gate.stop();
      await stopFollower();
      await Promise.all(this.#running);
      await this.#saveLanes();
    };
  }

  /** If the address or its events have changed, what waits is tried at once. */
  changeTo(target: WebhookTarget): void {
    const { url, events } = this.target;
    const isSame = url === target.url && String([...(events ?? [])]) === String([...(target.events ?? [])]);
    if (isSame && (events === null) === (target.events === null)) return;
    this.target = target;
    this.gate.renew();
  }

  /** To be called for every announced event. */
  onEvent(event: LoggedEvent): void {
    this.#newestAt = event.at;
    this.#follower.onEvent(event);
  }

  /** Events after this position have to stay in the log, for a day. */
  get heldAfter(): number {
    const now = Math.min(this.#parts.clock.now(), this.#newestAt);
    let after = this.#follower.heldAfter;
    for (const { pos, at } of this.#lanes.values()) if (now - at < DAY_MS) after = Math.min(after, pos - 1);
    return after;
  }

  /** Called for one batch after another; resolves when each event is delivered or its lane is kept. */
  async #take({ events, upTo }: FollowedBatch, signal: AbortSignal): Promise<void> {
    const wanted = await this.#whenOpen(
      events.filter((event) => this.#wants(event)),
      signal,
    );
    this.#takenUpTo = upTo;
    const fresh = new Map<string, Lane>();
    for (const event of wanted) {
      // A lane that is kept finds it in the log.
      if (this.#lanes.has(event.stream)) continue;
      const lane = fresh.get(event.stream) ?? new Lane(event);
      lane.queue.push(event);
      fresh.set(event.stream, lane);
    }
    const lanes = [...fresh.values()];
    for (const lane of lanes) this.#begin(lane);
    const over = new AbortController();
    const settled = Promise.all(lanes.map((lane) => lane.settled));
    await Promise.race([settled, delay(BATCH_MS, AbortSignal.any([signal, over.signal]))]);
    over.abort();
    if (signal.aborted) throw new Error("stopped");
    await this.#keep([...this.#lanes.values()].filter(({ hasRow }) => !hasRow));
  }

  /**
   * Those of these that have to be delivered, once that may be tried. Until then, those that have waited for a day are given up. A lane's
   * own events need not wait: it delivers them in its turn, or gives them up.
   */
  async #whenOpen(events: StoredEvent[], signal: AbortSignal): Promise<StoredEvent[]> {
    let left = events;
    while (this.gate.isShut || this.#lanes.size >= CAPS.webhookLanes.count) {
      const held = left.filter(({ stream }) => !this.#lanes.has(stream));
      if (held.length === 0) break;
      const since = this.#failingSince;
      const old = since === null ? [] : held.filter((event) => this.#isOld(event, since));
      if (old.length > 0) await this.#giveUp(old, { attempts: 0, reason: NOTHING });
      left = left.filter((event) => !old.includes(event));
      await delay(SAVE_MS / 4, signal);
      if (signal.aborted) throw new Error("stopped");
    }
    return left;
  }

  #begin(lane: Lane): void {
    this.#lanes.set(lane.stream, lane);
    const running = this.#run(lane);
    this.#running.add(running);
    void running.then(() => this.#running.delete(running));
  }

  /** Delivers until nothing is left. Never rejects: after a bug it continues. */
  async #run(lane: Lane): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        const event = await this.#nextOf(lane);
        if (!event || !(await this.gate.enter(lane.dueAt))) return;
        await this.#try(lane, event);
      } catch (error) {
        this.#tell(error, "events could not be delivered yet");
        await delay(SAVE_MS, signal);
      }
    }
  }

  /** The event that is to be delivered next; undefined: there is none, and the lane has ended. */
  async #nextOf(lane: Lane): Promise<StoredEvent | undefined> {
    // A lane that is not kept has had everything from the follower.
    if (lane.queue.length === 0 && !lane.isKept) this.#end(lane);
    if (lane.queue.length === 0 && !lane.hasEnded) await this.#fill(lane);
    const [next] = lane.queue;
    if (next) {
      lane.moveTo(next);
      return next;
    }
    if (lane.isKept) await this.#writeLanes([], [lane.stream]).catch((error: unknown) => this.#notWritten(error));
    return undefined;
  }

  /** In the turn in which it has nothing left, so that the follower brings what comes next. */
  #end(lane: Lane): void {
    lane.hasEnded = true;
    lane.settle();
    this.#lanes.delete(lane.stream);
  }

  /** Reads the next events of a kept lane, or ends it if it has caught up with the follower. */
  async #fill(lane: Lane): Promise<void> {
    for (;;) {
      const upTo = this.#takenUpTo;
      const read = await this.#parts.reader.ofStream(lane.stream, { after: lane.seq - 1, upTo, limit: PAGE });
      const [first] = read;
      if (first && first.seq > lane.seq) this.#tellGone(first.seq - lane.seq);
      lane.queue.push(...read.filter((event) => this.#wants(event)));
      if (lane.queue.length > 0) return;
      const last = read.at(-1);
      if (last) lane.passed(last);
      else if (upTo === this.#takenUpTo) return this.#end(lane);
    }
  }

  /** One delivery, by a lane that the gate has let in. */
  async #try(lane: Lane, event: StoredEvent): Promise<void> {
    const { signal } = this.#stopped;
    const failed = await this.#deliver(lane, event);
    if (signal.aborted && failed !== undefined) return this.gate.leave("left off");
    if (failed === undefined) {
      lane.failingSince = null;
      lane.dueAt = 0;
      lane.queue.shift();
      lane.passed(event);
      this.gate.leave("delivered");
      if (this.#failingSince !== null) this.#noteFailing(null);
      return;
    }
    const now = this.#parts.clock.now();
    lane.attempts += 1;
    lane.isChanged = true;
    lane.reason = failed;
    // A first try may come long after everything else has begun to fail.
    lane.failingSince ??= this.#failingSince ?? now;
    lane.dueAt = retryAt(now, lane.attempts);
    this.gate.leave("failed");
    await this.#keep([lane]);
    if (this.#isOld(event, lane.failingSince)) await this.#giveUpOld(lane, lane.failingSince);
  }

  /** @returns why it failed; undefined: it did not */
  async #deliver({ attempts }: Lane, event: StoredEvent): Promise<string | undefined> {
    const { signal } = this.#stopped;
    try {
      await deliverEvent(this.#parts, this.target, { event, attempt: attempts + 1, signal });
      return undefined;
    } catch (error) {
      if (error instanceof DeliveryFailed) return error.message;
      // Such as a database that cannot be read: it is tried again like everything else.
      this.#parts.logger.error({ err: error, webhook: this.target.id }, "an event could not be built for a webhook");
      return "it could not be built";
    }
  }

  /** Gives up events that have waited for a day in a stream from which nothing could be delivered for as long. */
  async #giveUpOld(lane: Lane, since: number): Promise<void> {
    const { attempts, reason } = lane;
    while (!this.#stopped.signal.aborted) {
      const young = lane.queue.findIndex((event) => !this.#isOld(event, since));
      const old = young < 0 ? [...lane.queue] : lane.queue.slice(0, young);
      const last = old.at(-1);
      if (!last) break;
      await this.#giveUp(old, { attempts, reason });
      lane.queue.splice(0, old.length);
      lane.passed(last);
      lane.dueAt = 0;
      if (lane.queue.length === 0) await this.#fill(lane);
    }
    if (!lane.hasEnded) await this.#writeLanes([lane], []);
  }

  /** Nothing has been delivered for a day, and this event has waited for as long. */
  #isOld(event: StoredEvent, failingSince: number): boolean {
    const before = this.#parts.clock.now() - DAY_MS;
    return failingSince <= before && event.at <= before;
  }

  async #giveUp(events: readonly StoredEvent[], why: { attempts: number; reason: string }): Promise<void> {
    const { writes, logger, metrics } = this.#parts;
    const letters = events.map(({ pos, stream, seq, type, at }) => ({ pos, stream, seq, type, at }));
    const { dropped } = await writes.run(bury, { webhookId: this.target.id, letters, ...why });
    metrics.webhookDeliveries.inc({ result: "dead" }, letters.length);
    logger.warn(
      { webhook: this.target.id, events: letters.length, dropped, ...why },
      "events were given up and are now dead letters",
    );
  }

  /** From now on these lanes are kept. */
  async #keep(lanes: readonly Lane[]): Promise<void> {
    for (const lane of lanes) {
      lane.isKept = true;
      lane.settle();
    }
    if (lanes.length > 0) await this.#writeLanes(lanes, []);
  }

  async #saveLanes(): Promise<void> {
    const changed = [...this.#lanes.values()].filter((lane) => lane.isKept && lane.isChanged);
    if (changed.length > 0) await this.#writeLanes(changed, []).catch((error: unknown) => this.#notWritten(error));
  }

  async #writeLanes(lanes: readonly Lane[], ended: readonly string[]): Promise<void> {
    for (const lane of lanes) lane.isChanged = false;
    try {
      await this.#parts.writes.run(keepLanes, { webhookId: this.target.id, lanes: lanes.map(({ row }) => row), ended });
      for (const lane of lanes) lane.hasRow = true;
    } catch (error) {
      for (const lane of lanes) lane.isChanged = true;
      throw error;
    }
  }

  #notWritten(error: unknown): void {
    this.#tell(error, "the places of a webhook could not be written");
  }

  #tell(error: unknown, what: string): void {
    unlessPassing(() => this.#parts.logger.error({ err: error, webhook: this.target.id }, what))(error);
  }

  #wants(event: StoredEvent): boolean {
    const name = toldName(event);
    const wants = wantsOf(this.target);
    return name !== undefined && (wants(name) || (name === "MESSAGE" && wants("message.offline")));
  }

  #onBreaker(isOpen: boolean): void {
    const { logger, clock } = this.#parts;
    const webhook = this.target.id;
    if (isOpen)
      logger.warn({ webhook }, "nothing can be delivered to a webhook; it will be tried again every 30 seconds");
    else logger.info({ webhook }, "events can be delivered to a webhook again");
    this.#noteFailing(isOpen ? (this.#failingSince ?? clock.now()) : null);
  }

  #noteFailing(since: number | null): void {
    if (this.#failingSince === since) return;
    this.#failingSince = since;
    const { writes } = this.#parts;
    writes.run(noteFailing, { id: this.target.id, since }).catch((error: unknown) => this.#notWritten(error));
  }

  #tellGone(count: number): void {
    const { logger, metrics } = this.#parts;
    const follower = followerOf(this.target.id);
    logger.warn({ follower, events: count }, "events had left the log before they were handled; they are skipped");
    metrics.followerSkipped.inc({ follower }, count);
  }
}
