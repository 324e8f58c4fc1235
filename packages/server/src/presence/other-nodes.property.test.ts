import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { PresenceWorld } from "../../test/presence-nodes-rig.ts";

/*
 * Several nodes, a bus that loses, repeats and reorders, people who come and go on all of them, nodes that die and nodes that join. Once
 * the bus works again every node knows who is online, and with what load. People who stay all the time are never reported as gone.
 */
const PEOPLE = Array.from({ length: 40 }, (_, i) => 20_000 + i);
const RESIDENT = 30_000;
const SEEDS = 150;

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

async function play(seed: number): Promise<void> {
  using world = new PresenceWorld(seed, seed % 2 === 0 ? 4 : 10_000);
  const { random } = world;
  const one = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T;
  const first = world.add();
  first.attach(RESIDENT);
  for (let count = 1 + Math.floor(random() * 4); count > 0; count--) world.add();
  await world.pass(1000);
  world.bus.faults = { lost: random() * 0.6, repeated: random() * 0.3, reordered: random() * 0.5 };
  for (let step = 0; step < 120; step++) {
    const what = random();
    const node = one(world.nodes);
    if (what < 0.4) node.attach(one(PEOPLE));
    else if (what < 0.75) node.detach(one([...node.connections.keys()].filter((uid) => uid !== RESIDENT)));
    else if (what < 0.78 && node !== first) world.kill(node);
    else if (what < 0.81 && world.nodes.length < 7) world.add();
    else await world.pass(one([50, 100, 300, 1500, 6000]));
  }
  world.bus.faults = { lost: 0, repeated: 0, reordered: 0 };
  await world.pass(12_000);
  for (const node of world.nodes) {
    const online = [...PEOPLE, RESIDENT].filter((uid) => node.presence.isOnline(uid));
    expect({ seed, online }).toEqual({ seed, online: world.online });
    expect(node.presence.count).toBe(world.online.length);
    expect(node.others.isBehind).toBe(false);
    for (const uid of world.online) {
      const elsewhere = world.nodes.filter((other) => other !== node).map((other) => other.loadOf(uid));
      const connections = elsewhere.reduce((sum, load) => sum + load.connections, 0);
      const oldest = Math.min(...elsewhere.filter((load) => load.connections > 0).map(({ since }) => since));
      const load = node.others.loadOf(uid);
      expect({ seed, uid, connections: load.connections }).toEqual({ seed, uid, connections });
      // The bus takes up to 50 ms here, which makes what others have look younger.
      if (connections > 0) expect(Math.abs(load.since - oldest)).toBeLessThanOrEqual(60);
    }
    expect(node.told.filter((change) => change === `-${RESIDENT}`)).toEqual([]);
  }
}

test("NODE-1: whatever the bus loses, repeats and reorders, all nodes agree in the end about who is online", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) await play(seed);
}, 120_000);
