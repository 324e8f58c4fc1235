import { type NodeId, newNodeId, type OpenBus } from "./bus/bus.ts";
import { openPostgresBus } from "./bus/postgres-bus.ts";
import { openRedisBus } from "./bus/redis-bus.ts";
import { TwoBuses } from "./bus/two-buses.ts";
import type { Config } from "./config/config.ts";
import { type LeaseNews, LeaseRows } from "./db/postgres/lease-rows.ts";
import type { PostgresPlace } from "./db/postgres/place.ts";
import { unlessPassing } from "./db/storage-fault.ts";
import type { LoggedEvent } from "./db/transaction.ts";
import type { Announcer } from "./event-log/announce.ts";
import { OtherNodes } from "./event-log/other-nodes.ts";
import { nodeName } from "./lib/node-name.ts";
import { undoAll } from "./lib/undo-all.ts";
import type { NodePlace } from "./nodes/channel.ts";
import { Greetings } from "./nodes/greetings.ts";
import { Lease } from "./nodes/lease.ts";
import { LivingNodes } from "./nodes/liveness.ts";
import { takeNodeFile } from "./nodes/node-file.ts";
import { SilentNodes } from "./nodes/silent-nodes.ts";
import { ToldNodes } from "./nodes/told-nodes.ts";
import type { Logger } from "./ops/logger.ts";

export interface ClusterParts {
  /** Its id; by default it makes one. */
  readonly node?: NodeId | undefined;
  /** Of Redis, which carries the bus; undefined: PostgreSQL does. */
  readonly redisUrl: string | undefined;
  /** The data folder, which knows the nodes of this machine. */
  readonly dir: string;
  readonly logger: Logger;
  /** Called once: the others count this node as dead. */
  readonly onGone: () => void;
}

/** @param parts.onOtherLog see `LogWatch` */
export function clusterOf(
  { redisUrl, data }: Pick<Config, "redisUrl" | "data">,
  parts: {
    readonly node?: NodeId | undefined;
    readonly logger: Logger;
    readonly onOtherLog?: ((why: string) => void) | undefined;
  },
): Cluster {
  const { node, logger } = parts;
  const onGone = () => parts.onOtherLog?.("its lease in the database has ended, so the others count it as dead");
  return new Cluster({ node, redisUrl, dir: data.dir, logger, onGone });
}

const NO_FOLDER =
  "DATA_DIR cannot be used; if this server is killed, the others notice it within 14 s, but not sooner when it is started again";

interface Log {
  readonly epoch: string;
  readonly announcer: Announcer;
  /** Looks at the log's end, and whether it is still the same log. */
  readonly look: () => Promise<void>;
  /** Whether anybody is connected here who waits for events. */
  readonly hasReaders: () => boolean;
}

/** What a node knows of the people who are connected to other nodes (`presence/other-nodes.ts`). */
export interface PeopleVersions {
  /** The newest one of this node. */
  readonly version: number;
  /** Another node has got so far: what is not known here is asked for. */
  hearVersion(node: NodeId, version: number): void;
}

/**
 * A node's part in a cluster of equal nodes on one PostgreSQL database: its lease, the bus, and how it learns what others write. A node that is
 * alone has all of this too, since another one may start at any moment.
 */
export class Cluster {
  readonly self: NodeId;
  readonly #parts: ClusterParts;
  readonly #living = new LivingNodes();
  /** What people call the others. */
  readonly #names = new Map<NodeId, string>();
  /** Undo what was begun; called last to first. */
  readonly #stops: (() => unknown)[] = [];
  #lease: Lease | undefined;
  #database: PostgresPlace = { url: "" };
  #bus: OpenBus | undefined;
  #told: ToldNodes | undefined;
  #people: PeopleVersions | undefined;

  constructor(parts: ClusterParts) {
    this.#parts = parts;
    this.self = parts.node ?? newNodeId();
  }

  get lease(): Lease {
    if (!this.#lease) throw new Error("the node has no lease yet");
    return this.#lease;
  }

  get place(): NodePlace {
    if (!this.#bus) throw new Error("the bus is not open yet");
    return { self: this.self, bus: this.#bus, liveness: this.#living };
  }

  /** Whether messages of the others come through. Nothing waits for them, but they are late without it. */
  get busWorks(): boolean {
    return this.#bus?.works ?? false;
  }

  /** How many nodes are alive, this one included. */
  get nodeCount(): number {
    return 1 + this.#living.count;
  }

  /** Whether the others' batches are on their way to this node, with their events. */
  get othersTell(): boolean {
    return this.busWorks && this.#bus?.carriesEvents === true;
  }

  /** Whether this node may hand on what others wrote; see `Lease`. */
  mayHandOn(): boolean | Promise<boolean> {
    return this.lease.mayHandOn();
  }

  /** Takes the lease, before anything is written. @returns where this node writes. @throws what the database says */
  async begin(place: PostgresPlace): Promise<PostgresPlace> {
    const { dir, logger, onGone } = this.#parts;
    const { ended, problem, release } = takeNodeFile(dir, this.self);
    if (problem !== undefined) logger.warn({ problem }, NO_FOLDER);
    this.#stops.push(release);
    const rows = new LeaseRows(place, this.self);
    const nameOf = (node: NodeId) => this.#names.get(node);
    const lease = new Lease({ self: this.self, rows, living: this.#living, logger, onGone, nameOf });
    this.#living.onDown((node) => this.#names.delete(node));
    this.#lease = lease;
    lease.tell(() => this.#news({ announced: 0, hearsBus: true }));
    this.#database = place;
    this.#stops.push(() => lease.giveBack());
    for (const node of ended) await rows.giveBack(node);
    await lease.take();
    return { ...place, node: this.self };
  }

  /** Opens the bus and makes this node known. From now on it hands on what the others write. */
  async join({ epoch, announcer, look, hasReaders }: Log): Promise<void> {
    const { redisUrl, logger } = this.#parts;
    const { url } = this.#database;
    const of = { node: this.self, logger };
    const { lease } = this;
    const notify = openPostgresBus({ ...of, url, isStandIn: redisUrl !== undefined });
    const onChange = () => greetings.allLook();
    const bus = redisUrl ? this.#withRedis({ url: redisUrl, installation: epoch, standIn: notify, onChange }) : notify;
    this.#bus = bus;
    lease.tell(() => this.#news({ announced: announcer.position, hearsBus: bus.works }));
    if (!redisUrl) this.#watchForRedis();
    const onError = unlessPassing((error) =>
      logger.error({ err: error }, "a message from another node could not be handled"),
    );
    this.#told = new ToldNodes({ bus, liveness: this.#living, announcer, onError });
    const greetings = new Greetings({
      self: this.self,
      bus,
      liveness: this.#living,
      look: () => lease.look(),
      name: nodeName(),
      onName: (node, name) => this.#names.set(node, name),
    });
    const others = new OtherNodes({ announcer, bus, hasReaders, logger, look, mayHandOn: () => lease.mayHandOn() });
    // The lease is given back between the two, so that whoever hears the goodbye finds it gone.
    const giveBack = this.#stops.pop() as () => unknown;
    this.#stops.push(
      () => bus.close(),
      () => greetings.bye(),
      giveBack,
    );
    const greetNew = () => bus.publish({ channel: "log", events: [], upTo: announcer.position });
    this.#stops.push(greetings.start(), this.#told.start(), others.start(), this.#living.onUp(greetNew));
    await greetings.greet();
    // What was committed before all others knew that somebody listens here.
    await look();
  }

  /** What this node's lease says of it. */
  #news({ announced, hearsBus }: { announced: number; hearsBus: boolean }): LeaseNews {
    const how = this.#parts.redisUrl ? 1 : 2;
    return { announced, peopleVersion: this.#people?.version ?? 0, hearsBus: hearsBus ? how : 0 };
  }

  /** Without Redis: says so once if another node has it. Everything goes between the two, but by notifications. */
  #watchForRedis(): void {
    let isSaid = false;
    this.lease.onRows((rows) => {
      const other = rows.find(({ hearsBus }) => hearsBus === 1);
      if (!other || isSaid) return;
      isSaid = true;
      this.#parts.logger.warn(
        { other: other.node },
        "another node has REDIS_URL and this one has not: PostgreSQL's notifications carry everything for both",
      );
    });
  }

  /** Redis, for which notifications stand in while it does not bring everything from everybody, or somebody has none. */
  #withRedis(parts: { url: string; installation: string; standIn: OpenBus; onChange: () => void }): OpenBus {
    const { url, installation, standIn, onChange } = parts;
    const { lease, self } = this;
    const { logger } = this.#parts;
    // The others read in this node's lease that it does not hear everybody, and use both buses from then on.
    const main = openRedisBus({ node: self, url, installation, logger, onLost: onChange });
    const silent = new SilentNodes({ self, newestOf: (node) => main.newestOf(node), logger, onChange });
    lease.onRows((rows) => silent.see(rows));
    return new TwoBuses({ main, standIn, allHearMain: () => lease.allHearBus, hearsAll: () => !silent.any });
  }

  /** Sets who knows this node's people and hears of the others'. */
  setPeople(people: PeopleVersions): void {
    this.#people = people;
    this.lease.onVersion((node, version) => people.hearVersion(node, version));
  }

  /** Tells the others, if there are any, what this node has just committed. */
  tell(events: readonly LoggedEvent[]): void {
    const last = events.at(-1);
    if (last && this.#living.count > 0) this.#bus?.publish({ channel: "log", events, upTo: last.pos });
  }

  /** Resolves when all others have handed on everything up to a position, after a second at the latest. */
  async whenToldEverywhere(upTo: number): Promise<void> {
    await this.#told?.whenTold(upTo);
  }

  async leave(): Promise<void> {
    await undoAll(this.#stops);
  }
}
