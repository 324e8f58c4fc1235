import type { NodeId } from "../bus/bus.ts";
import type { LeaseNews, LeaseRow, LeaseRows } from "../db/postgres/lease-rows.ts";
import { after, type Stop, withDeadline } from "../lib/interval.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { whyLost } from "../lib/why-lost.ts";
import type { Logger } from "../ops/logger.ts";
import type { LivingNodes } from "./liveness.ts";

interface LeaseParts {
  readonly self: NodeId;
  readonly rows: Pick<LeaseRows, "take" | "renew" | "end" | "giveBack" | "close">;
  readonly living: LivingNodes;
  readonly logger: Logger;
  /** Called once, after those of `whenGone`: the others count this node as dead. It must begin anew. */
  readonly onGone: () => void;
  /** What people call another node, if that is known. */
  readonly nameOf?: (node: NodeId) => string | undefined;
  /** Milliseconds that the process has run; another one for tests. */
  readonly uptime?: () => number;
}

/** How often a lease is renewed, and tried again when that failed. */
const RENEW_MS = 3000;
const AGAIN_MS = 1000;
/** A node that has not looked at the leases for so long knows nothing of them. */
const FRESH_MS = 10_000;
/** A node must have renewed its own lease without a break for this long before it ends another's, because all leases are old after an outage of the database. */
const STEADY_MS = 15_000;
/** It must have seen the other lease unchanged for this long by its own time, because the clock of the database may have jumped. */
const UNCHANGED_MS = 6000;
/** How long what others wrote may be held back after a freeze, until the database says whether this node is alive. */
const DOUBT_MS = 1000;

/**
 * This node's lease in the database, and those of the others. A node is alive while its row exists. Another node ends a row that was not renewed
 * for 10 s, so all nodes notice a death within 14 s. A node that finds its own row gone counts as dead, and has to start again as another node.
 *
 * While the database is away nothing changes: each node still counts as alive or dead as before.
 */
export class Lease {
  readonly #parts: LeaseParts;
  readonly #uptime: () => number;
  #news: () => LeaseNews = () => ({ announced: 0, peopleVersion: 0, hearsBus: 1 });
  #rows: readonly LeaseRow[] = [];
  /** When each other lease was last seen to change. */
  readonly #changes = new Map<NodeId, { readonly renewedAt: number; readonly ms: number }>();
  /** When the leases were last looked at, when this one was last renewed, and since when that has succeeded without a break. */
  #lookedMs = 0;
  #renewedMs = Number.NEGATIVE_INFINITY;
  #steadySinceMs = 0;
  #isGone = false;
  #isStopped = false;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #stopWaiting: Stop = () => {};
  #onOldest: (() => void) | undefined;
  #whenGone: () => void = () => {};
  #onVersion: (node: NodeId, version: number) => void = () => {};
  #onRows: (rows: readonly LeaseRow[]) => void = () => {};
  #hasFailed = false;

  constructor(parts: LeaseParts) {
    this.#parts = parts;
    this.#uptime = parts.uptime ?? uptimeMs;
  }

  /** Takes the lease and learns who else is alive. @throws what the database says */
  async take(): Promise<void> {
    const { rows } = this.#parts;
    await rows.take(this.#news());
    this.#lookedMs = this.#uptime();
    this.#see(await rows.renew(this.#news()));
    this.#waitUntilNext(RENEW_MS);
  }

  /** Sets what the row says of this node. */
  tell(news: () => LeaseNews): void {
    this.#news = news;
  }

  /** Sets who is told of the newest version of another node's people. */
  onVersion(listener: (node: NodeId, version: number) => void): void {
    this.#onVersion = listener;
  }

  /** Sets who is told of all leases, at each look. */
  onRows(listener: (rows: readonly LeaseRow[]) => void): void {
    this.#onRows = listener;
  }

  /** Whether this node is the one that runs the jobs that only one may run. Once it is, it remains the oldest for as long as it lives. */
  get isOldest(): boolean {
    return this.#rows[0]?.node === this.#parts.self;
  }

  /** Calls once, as soon as it is the oldest; at once if it is. */
  onOldest(listener: () => void): void {
    if (this.isOldest) listener();
    else this.#onOldest = listener;
  }

  /** Calls once, as soon as the others count this node as dead, and before anything else is done about it; at once if they do. */
  whenGone(listener: () => void): void {
    if (this.#isGone) listener();
    else this.#whenGone = listener;
  }

  /** How far all living nodes have announced the log, as far as they have said so. */
  get position(): number {
    return Math.min(...this.#rows.map(({ announced }) => announced));
  }

  /** Whether every other node has Redis and hears the bus by it, as far as they have said so. */
  get allHearBus(): boolean {
    return this.#rows.every(({ node, hearsBus }) => hearsBus === 1 || node === this.#parts.self);
  }

  /** Looks at the leases now, because a node has begun or ended. Resolves when it has looked, even if that failed. Does nothing after the end. */
  look(): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    if (this.#looking) {
      this.#lookAgain = true;
      return this.#looking;
    }
    this.#stopWaiting();
    this.#looking = this.#lookUntilSeen();
    return this.#looking;
  }

  /**
   * Whether what others wrote may be handed on. A process that was frozen asks the database first, since it may have been declared dead meanwhile. A
   * node that cannot reach the database goes on.
   */
  mayHandOn(): boolean | Promise<boolean> {
    return this.#uptime() - this.#lookedMs < FRESH_MS ? !this.#isGone : this.#hasLooked();
  }

  async #hasLooked(): Promise<boolean> {
    await withDeadline(this.look(), DOUBT_MS, "late").catch(() => {});
    return !this.#isGone;
  }

  /** Ends the lease of a node whose process is known to be gone. If that fails, the lease lapses by itself. */
  async endOf(node: NodeId): Promise<void> {
    if (this.#isStopped) return;
    await this.#parts.rows.giveBack(node).catch(() => {});
    await this.look();
  }

  /** Gives the lease back, so that nobody has to wait until it lapses. */
  async giveBack(): Promise<void> {
    this.#isStopped = true;
    this.#stopWaiting();
    await this.#looking;
    const { rows } = this.#parts;
    if (!this.#isGone) await rows.giveBack().catch(() => {});
    await rows.close();
  }

  async #lookUntilSeen(): Promise<void> {
    do {
      this.#lookAgain = false;
      await this.#lookOnce();
    } while (this.#lookAgain && !this.#isStopped);
    this.#looking = undefined;
    if (!this.#isStopped && !this.#isGone) this.#waitUntilNext(this.#hasFailed ? AGAIN_MS : RENEW_MS);
  }

  async #lookOnce(): Promise<void> {
    const { rows } = this.#parts;
    const begunMs = this.#uptime();
    try {
      this.#see(await rows.renew(this.#news()));
      const lapsed = this.#lapsed();
      if (lapsed.length > 0) this.#see(await rows.end(lapsed));
      this.#hasFailed = false;
      // Not when the answer was read: the process may have been frozen since it was sent.
      this.#lookedMs = begunMs;
    } catch (error) {
      this.#steadySinceMs = Number.POSITIVE_INFINITY;
      if (!this.#hasFailed)
        this.#parts.logger.warn({ problem: whyLost(error) }, "the lease of this node could not be renewed");
      this.#hasFailed = true;
      this.#lookedMs = this.#uptime();
    }
  }

  #see(rows: readonly LeaseRow[] | undefined): void {
    if (this.#isGone || this.#isStopped) return;
    const { living, self, onGone } = this.#parts;
    if (!rows) {
      this.#isGone = true;
      this.#whenGone();
      return onGone();
    }
    const nowMs = this.#uptime();
    if (nowMs - this.#renewedMs >= FRESH_MS) this.#steadySinceMs = nowMs;
    this.#steadySinceMs = Math.min(this.#steadySinceMs, nowMs);
    this.#renewedMs = nowMs;
    this.#rows = rows;
    const alive = new Set<NodeId>();
    for (const { node, renewedAt, peopleVersion } of rows) {
      if (node === self) continue;
      alive.add(node);
      if (this.#changes.get(node)?.renewedAt !== renewedAt) this.#changes.set(node, { renewedAt, ms: nowMs });
      living.up(node);
      this.#onVersion(node, peopleVersion);
    }
    for (const node of living.others()) if (!alive.has(node)) this.#end(node);
    for (const node of this.#changes.keys()) if (!alive.has(node)) this.#changes.delete(node);
    this.#onRows(rows);
    if (!this.isOldest) return;
    this.#onOldest?.();
    this.#onOldest = undefined;
  }

  /** Another node's lease is gone. One that was not given back was not renewed either, whichever node has ended it. */
  #end(node: NodeId): void {
    const { living, logger, nameOf } = this.#parts;
    const sinceMs = Math.max(this.#changes.get(node)?.ms ?? Number.POSITIVE_INFINITY, this.#steadySinceMs);
    if (this.#uptime() - sinceMs >= UNCHANGED_MS)
      logger.warn({ dead: node, name: nameOf?.(node) }, "another node has not renewed its lease and counts as dead");
    living.down(node);
  }

  /** The leases that this node may end. */
  #lapsed(): LeaseRow[] {
    const nowMs = this.#uptime();
    if (this.#isGone || nowMs - this.#steadySinceMs < STEADY_MS) return [];
    return this.#rows.filter(({ node, isLapsed }) => {
      const since = this.#changes.get(node)?.ms ?? nowMs;
      return isLapsed === 1 && nowMs - since >= UNCHANGED_MS;
    });
  }

  #waitUntilNext(ms: number): void {
    this.#stopWaiting = after(ms, () => void this.look());
  }
}
