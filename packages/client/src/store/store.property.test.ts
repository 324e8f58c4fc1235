import { expect, test } from "bun:test";
import fc from "fast-check";
import { ModelClient } from "../../test/rig/model-client.ts";
import { ME, type ModelRoom, ModelServer } from "../../test/rig/model-server.ts";
import { type ReadPlaces, readersOf } from "./read-places.ts";
import { Store } from "./store.ts";

type Step = [kind: number, room: number, which: number, who: number];

const OTHERS = [20_001, 20_002, 20_003] as const;
const MAX = 6;

const turn = () => new Promise((resolve) => setImmediate(resolve));
/** Longer than the wait before a request is tried again. */
const pause = () => new Promise((resolve) => setTimeout(resolve, 2));

/** A server, its client and a store, with subscriptions to whatever the steps say. */
class Rig {
  readonly server = new ModelServer();
  readonly client = new ModelClient(this.server);
  readonly store: Store;
  readonly #looks = new Map<number, () => void>();
  #names = 0;

  constructor() {
    this.server.make([OTHERS[0], ME]);
    this.server.make([ME, OTHERS[1]], true);
    const backoff = { backoffFirstMs: 0, backoffMaxMs: 0 };
    const options = { page: 3, messagesKept: MAX, onError: (error: unknown) => expect(error).toBeUndefined() };
    this.store = new Store(this.client, options, { backoff, random: () => 0, now: () => 0 });
  }

  /** One thing happens. */
  step([kind, room, which, who]: Step): void {
    const rooms = [...this.server.rooms.values()];
    const one = rooms[room % rooms.length] as ModelRoom;
    const uid = [ME, ...OTHERS][who % 4] as number;
    const messages = this.store.messages(one.id);
    const steps: (() => unknown)[] = [
      () => this.client.hear(),
      () => this.client.hear(),
      () => this.client.serve(which),
      () => this.client.serve(which),
      () => this.client.arrive(which),
      () => this.client.arrive(which),
      () => this.client.serve(which, true),
      () => this.server.say(one, uid, {}),
      () =>
        this.server.say(one, uid, {
          quotes: one.messages[which % Math.max(1, one.messages.length)]?.message.message.id ?? null,
        }),
      () => this.server.isIn(one) && this.server.say(one, ME, { isHidden: true }),
      () => this.server.recall(one, which % Math.max(1, one.messages.length)),
      () => this.server.like(one, which % Math.max(1, one.messages.length), uid),
      () => one.userId === null && this.server.join(one, uid === ME ? [ME] : [uid, OTHERS[which % 3] as number]),
      () => one.userId === null && this.server.leave(one, uid),
      () => rooms.length < 8 && this.server.make([OTHERS[which % 3] as number, ME]),
      () => this.server.read(one),
      () => this.server.pin(one),
      () => this.server.rename(uid, `another ${this.#names++}`),
      () => this.server.change(one, `renamed ${this.#names++}`),
      () => this.server.mute(one, uid),
      () => which === 0 && this.server.dissolve(one),
      () => which < 3 && uid !== ME && this.server.ban(uid),
      () => this.look(one.id),
      () => this.unlook(one.id),
      () => void messages.older(),
      () => void messages.newer(),
      () => void messages.newest(),
      () => which === 0 && this.client.resync(),
      () => this.client.resyncRoom(one.id),
      () => this.server.readBy(one, uid),
    ];
    steps[kind % steps.length]?.();
  }

  look(roomId: number): void {
    if (this.#looks.has(roomId)) return;
    const { store } = this;
    const ends = [store.messages(roomId), store.members(roomId), store.receipts(roomId)].map((view) =>
      view.subscribe(() => {}),
    );
    this.#looks.set(roomId, () => {
      for (const end of ends) end();
    });
  }

  unlook(roomId: number): void {
    this.#looks.get(roomId)?.();
    this.#looks.delete(roomId);
  }

  /** Lets everything that is on its way arrive. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      await (quiet === 0 ? turn() : pause());
      const waits = this.client.asked.length > 0;
      this.client.serve(0);
      this.client.arrive(0);
      quiet = this.client.hear() || waits ? 0 : quiet + 1;
    }
  }

  expectSame(): void {
    const { store, server } = this;
    const list = server.list();
    expect(store.rooms.getSnapshot().map(({ isListed: _, ...line }) => line)).toEqual(list);
    expect(store.unread.getSnapshot().total).toBe(list.reduce((sum, { unread }) => sum + unread, 0));
    expect(store.me.getSnapshot()?.name).toBe(server.names.get(ME));
    for (const room of server.mine.filter(({ id }) => this.#looks.has(id))) {
      this.#expectMembers(room);
      this.#expectMessages(room);
      this.#expectReceipts(room);
    }
  }

  #expectMembers(room: ModelRoom): void {
    const { items, hasMore, state } = this.store.members(room.id).getSnapshot();
    const all = this.server.members(room).map(({ activeStatus: _, lastOptTime: __, ...member }) => member);
    expect(state).toBe("ready");
    expect(items).toEqual(hasMore ? all.filter(({ uid }) => uid <= (items.at(-1)?.uid ?? 0)) : all);
  }

  #expectReceipts(room: ModelRoom): void {
    const places = this.store.receipts(room.id).getSnapshot();
    const members = this.server.members(room);
    const own = this.store
      .messages(room.id)
      .getSnapshot()
      .items.filter(({ fromUser }) => fromUser.uid === ME);
    if (own.length > 0) expect(places).toBeDefined();
    for (const message of own) {
      const { place, items } = this.server.receipts(message.message.id);
      const readers = items.filter(({ seq }) => seq >= place).map(({ uid }) => uid);
      expect(readersOf(message, places as ReadPlaces, members)).toEqual(readers);
    }
  }

  #expectMessages(room: ModelRoom): void {
    const { items, hasOlder, hasNewer, state } = this.store.messages(room.id).getSnapshot();
    const all = this.server.messages(room);
    expect(state).toBe("ready");
    const from = all.findIndex(({ message }) => message.id === items[0]?.message.id);
    expect(items).toEqual(items.length === 0 ? [] : all.slice(from, from + items.length));
    if (!hasNewer) expect(items.at(-1)).toEqual(all.at(-1) as never);
    if (!hasOlder) expect(items[0]).toEqual(all[0] as never);
    expect(items.length).toBeLessThanOrEqual(MAX);
  }
}

/** The members are refused while the user is out, and the list of rooms is read when they are in again. */
const REFUSED_BEFORE_LISTED: [Step[], Step[]] = [
  [],
  [
    [13, 0, 0, 0],
    [2, 0, 0, 0],
    [22, 0, 0, 0],
    [4, 0, 0, 0],
    [2, 0, 2, 0],
    [12, 0, 0, 0],
  ],
];

/** The user hears what happened to them as a member after reading members that already include their return. */
const MUTED_BEFORE_RETURN: [Step[], Step[]] = [
  [],
  [
    [14, 0, 0, 0],
    [14, 0, 0, 0],
    [19, 3, 0, 0],
    [13, 7, 0, 0],
    [22, 3, 0, 0],
    [12, 3, 0, 0],
  ],
];

/** The user leaves and comes back while a page is on its way that has them as they were before. */
const BACK_WHILE_READING: [Step[], Step[]] = [
  [],
  [
    [2, 0, 0, 0],
    [14, 0, 0, 0],
    [22, 5, 0, 0],
    [4, 0, 0, 0],
    [2, 0, 2, 0],
    [13, 2, 0, 0],
    [12, 2, 0, 0],
  ],
];

/** Long enough for a machine that is busy. */
const SLOW_MS = 60_000;

const step = fc.tuple(fc.nat(29), fc.nat(7), fc.nat(5), fc.nat(3));

/** Some are long: a fault may need several things to happen between a request and its reply. */
const stepsUpTo = (maxLength: number) => fc.array(step, { maxLength, size: "max" });

test(
  "STO-2: in whatever order replies and events come, the store ends as the server is",
  async () => {
    await fc.assert(
      fc.asyncProperty(stepsUpTo(20), stepsUpTo(100), async (before, steps) => {
        const rig = new Rig();
        // Some things are there already, or happen before the client has its place in the log.
        for (const one of before) rig.step(one);
        rig.client.connect();
        for (const one of steps) {
          rig.step(one);
          await turn();
        }
        await rig.settle();
        rig.expectSame();
        rig.store.stop();
      }),
      { numRuns: 250, examples: [REFUSED_BEFORE_LISTED, MUTED_BEFORE_RETURN, BACK_WHILE_READING] },
    );
  },
  SLOW_MS,
);
