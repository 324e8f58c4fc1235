import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { type PresenceNode, PresenceWorld } from "../../test/presence-nodes-rig.ts";
import type { Connection } from "./connection.ts";
import { UserCaps } from "./user-caps.ts";

const CAP = 5;
const ANN = 20_000;

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** Nodes on which each connection is a number, and counts towards the cap. */
class CapWorld extends PresenceWorld {
  max = CAP;
  readonly #caps = new Map<PresenceNode, UserCaps>();
  /** The beginnings of connections that the cap ended, and the node of each. */
  readonly ended: number[] = [];

  override cap = (node: PresenceNode, uid: number) => this.capsOf(node).check(uid);

  capsOf(node: PresenceNode): UserCaps {
    const known = this.#caps.get(node);
    if (known) return known;
    const caps = new UserCaps({
      hub: { ofUser: (uid) => new Set(this.#connections(node, uid)) },
      polls: { hangingOf: () => ({ polls: 0, pollingSince: 0 }), answerOldest: () => {} },
      maxPerUser: this.max,
      elsewhere: (uid) => node.others.loadOf(uid),
      hurry: () => node.others.tellNow(),
    });
    this.#caps.set(node, caps);
    return caps;
  }

  begin(node: PresenceNode, uid: number): void {
    node.attach(uid);
    const [oldest, ...others] = this.#connections(node, uid);
    // This is what a node does by itself.
    if (others.length >= this.max) oldest?.closeReplaced();
    this.cap(node, uid);
  }

  /** The beginnings of a person's connections on all nodes, the oldest first. */
  all(uid: number): number[] {
    return this.nodes.flatMap(({ connections }) => connections.get(uid) ?? []).sort((a, b) => a - b);
  }

  #connections(node: PresenceNode, uid: number): Connection[] {
    return (node.connections.get(uid) ?? []).map((signedInMs) => {
      const closeReplaced = () => {
        this.ended.push(signedInMs);
        node.detach(uid);
      };
      return { signedInMs, closeReplaced } as Connection;
    });
  }
}

test("NODE-4: over the cap of all nodes the oldest go, whichever nodes they are on, and nobody else", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    using world = new CapWorld(seed);
    const { random } = world;
    for (let i = 0; i < 3; i++) world.add();
    await world.pass(1000);
    const begun: number[] = [];
    for (let i = 0; i < 30; i++) {
      const node = world.nodes[Math.floor(random() * 3)] as PresenceNode;
      begun.push(performance.now());
      world.begin(node, ANN);
      await world.pass(60 + Math.floor(random() * 3) * 50);
      await world.pass(500);
      expect(world.all(ANN)).toEqual(begun.slice(-CAP));
    }
    expect(world.ended).toEqual(begun.slice(0, -CAP));
  }
});

test("NODE-4: the cap holds within two seconds, however many begin at once on all nodes", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    using world = new CapWorld(seed);
    world.max = 20;
    for (let i = 0; i < 4; i++) world.add();
    await world.pass(1000);
    // More than the nodes let in by themselves.
    for (let i = 0; i < 120; i++) {
      world.begin(world.nodes[Math.floor(world.random() * 4)] as PresenceNode, ANN);
      await world.pass(2, 2);
    }
    await world.pass(2000, 2);
    // Two that begin in the same moment may both be taken for the oldest.
    expect(world.all(ANN).length).toBeLessThanOrEqual(20);
    expect(world.all(ANN).length).toBeGreaterThanOrEqual(15);
  }
});

test("NODE-4: the connections of a node that has fallen silent push out nobody", async () => {
  using world = new CapWorld(1);
  const [a, b] = [world.add(), world.add()];
  await world.pass(1000);
  world.begin(a, ANN);
  await world.pass(50);
  for (let i = 1; i < CAP; i++) {
    world.begin(b, ANN);
    await world.pass(50);
  }
  await world.pass(1000);
  world.bus.faults = { lost: 1, repeated: 0, reordered: 0 };
  await world.pass(6000);
  // With those of the other node they would be too many, and the oldest is here.
  for (let i = 1; i < CAP; i++) world.begin(a, ANN);
  await world.pass(500);
  expect(a.connections.get(ANN)).toHaveLength(CAP);
  expect(world.ended).toEqual([]);
});
