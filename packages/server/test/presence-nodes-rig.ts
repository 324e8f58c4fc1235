import { jest } from "bun:test";
import { newNodeId } from "../src/bus/bus.ts";
import { ManualClock } from "../src/lib/clock.ts";
import { NodeChannel } from "../src/nodes/channel.ts";
import { LivingNodes } from "../src/nodes/liveness.ts";
import { OtherNodes } from "../src/presence/other-nodes.ts";
import type { Load } from "../src/presence/own-people.ts";
import { Presence } from "../src/presence/presence.ts";
import { type Random, seeded } from "./seeded.ts";
import { StillTime } from "./still-time.ts";
import { UnsureBus } from "./unsure-bus.ts";

/** A node that has presence and nothing else: connections are numbers. */
export class PresenceNode {
  readonly id = newNodeId();
  readonly living = new LivingNodes();
  /** By uid, the uptimes at which each connection began. */
  readonly connections = new Map<number, number[]>();
  /** The people who came online and who went, as this node says. */
  readonly told: string[] = [];
  readonly presence: Presence;
  readonly others: OtherNodes;
  readonly #stops: (() => void)[] = [];

  constructor(world: Pick<PresenceWorld, "bus" | "clock" | "cap" | "goneMax">) {
    const fail = (error: unknown) => {
      throw error;
    };
    this.presence = new Presence({
      clock: world.clock,
      turn: async () => {},
      readMembers: async () => [],
      readRooms: async () => ({ asOf: 0, rows: [] }),
    });
    this.presence.watch(({ uid, activeStatus }) => void this.told.push(`${activeStatus === 1 ? "+" : "-"}${uid}`));
    const place = { self: this.id, bus: world.bus.open(this.id), liveness: this.living };
    const channel = new NodeChannel(place, fail);
    this.others = new OtherNodes({
      channel,
      presence: this.presence,
      loadOf: (uid) => this.loadOf(uid),
      loadChanged: (uid) => world.cap(this, uid),
      onError: fail,
      goneMax: world.goneMax,
    });
    this.#stops.push(
      this.presence.start({ publish: () => {}, everybody: "all", onError: fail }),
      channel.start(),
      this.others.start(),
    );
  }

  loadOf(uid: number): Load {
    const own = this.connections.get(uid) ?? [];
    return { connections: own.length, since: own[0] ?? 0, polls: 0, pollingSince: 0 };
  }

  attach(uid: number): void {
    this.connections.set(uid, [...(this.connections.get(uid) ?? []), performance.now()]);
    this.presence.attached(uid);
    this.presence.own.loadChanged(uid);
  }

  /** Ends the oldest. */
  detach(uid: number): void {
    const own = this.connections.get(uid);
    if (!own) return;
    own.shift();
    if (own.length === 0) this.connections.delete(uid);
    this.presence.detached(uid);
    this.presence.own.loadChanged(uid);
  }

  /** Ends as a process ends that is killed, or, with `says`, in order. */
  end({ says = false } = {}): void {
    if (!says) this.living.others = () => [];
    for (const stop of this.#stops.reverse()) stop();
  }
}

/** Several such nodes and the bus between them, with a clock that a test moves. Call it with timers that are fake. */
export class PresenceWorld implements Disposable {
  readonly random: Random;
  readonly bus: UnsureBus;
  readonly clock = new ManualClock();
  readonly time = new StillTime();
  nodes: PresenceNode[] = [];
  /** Called where somebody's load on other nodes may have changed. */
  cap: (node: PresenceNode, uid: number) => void = () => {};

  /** @param goneMax people who have gone and whom a node still names */
  constructor(
    seed: number,
    readonly goneMax = 10_000,
  ) {
    this.random = seeded(seed);
    this.bus = new UnsureBus(this.random);
  }

  /** A node that all others see at once. */
  add(): PresenceNode {
    const node = new PresenceNode(this);
    for (const other of this.nodes) {
      other.living.up(node.id);
      node.living.up(other.id);
    }
    this.nodes.push(node);
    return node;
  }

  /** A node is killed, and the others see it. */
  kill(node: PresenceNode): void {
    this.nodes = this.nodes.filter((one) => one !== node);
    node.end();
    for (const other of this.nodes) other.living.down(node.id);
  }

  async pass(ms: number, step = 50): Promise<void> {
    for (let left = ms; left > 0; left -= step) {
      await settle();
      this.clock.advance(step);
      this.time.advance(step);
      jest.advanceTimersByTime(step);
      this.bus.deliver();
    }
    await settle();
  }

  /** The people who have a connection somewhere. */
  get online(): number[] {
    return [...new Set(this.nodes.flatMap(({ connections }) => [...connections.keys()]))].sort((a, b) => a - b);
  }

  [Symbol.dispose](): void {
    for (const node of this.nodes) node.end();
    this.time[Symbol.dispose]();
  }
}

export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
