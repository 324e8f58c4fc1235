import { describe, expect, test } from "bun:test";
import { withDeadline } from "../../server/src/lib/interval.ts";
import { say } from "../../server/test/harness.ts";
import { range } from "../../server/test/transports/stage.ts";
import type { TransportName } from "../src/connection/transports/transport.ts";
import { createStore, type Store } from "../src/store.ts";
import { ServerRig } from "./rig/rig.ts";

const NAMES: readonly TransportName[] = ["websocket", "sse", "long-poll", "short-poll"];

describe.each(NAMES)("the store of a client by %s", (transport) => {
  const rig = new ServerRig();

  function open(more: object = {}): Store {
    const watched = rig.open({ transports: [transport], ...more });
    const store = createStore(watched.client, { page: 5, messagesKept: 10 });
    rig.use({ close: () => store.stop() });
    return store;
  }

  /** Looks again whenever anything changes. */
  async function until(store: Store, look: () => boolean | undefined, what: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = store.subscribe(() => look() && resolve());
    if (look()) resolve();
    await withDeadline(promise, 10_000, `waited for ${what}`).finally(end);
  }

  const textsOf = (store: Store, room: number) =>
    store
      .messages(room)
      .getSnapshot()
      .items.map(({ message }) => (message.body as { content: string }).content);

  test("STO-2: it has what was there, and what comes", async () => {
    const { ann, ben } = rig.stage;
    const room = await rig.stage.room();
    await say(ann, room, "before");
    const store = open();
    store.messages(room).subscribe(() => {});
    store.members(room).subscribe(() => {});
    await until(store, () => store.state.getSnapshot() === "ready", "the list");
    await until(store, () => textsOf(store, room).length === 1, "the messages");
    await say(ann, room, "after");
    await until(store, () => textsOf(store, room).at(-1) === "after", "the next one");
    expect(textsOf(store, room)).toEqual(["before", "after"]);
    // A page of messages may have it before the event that counts it has come.
    await until(store, () => store.rooms.getSnapshot()[0]?.unread === 2, "the count");
    expect(store.rooms.getSnapshot()[0]).toMatchObject({ id: room, unread: 2, isListed: true });
    await until(store, () => store.members(room).getSnapshot().state === "ready", "the members");
    const members = store.members(room).getSnapshot().items;
    expect(members.map(({ uid }) => uid)).toEqual([ann.uid, ben.uid].sort((a, b) => a - b));
    const next = await rig.stage.room();
    await until(store, () => store.rooms.getSnapshot()[0]?.id === next, "a room that one comes into");
  });

  test("STO-8: what was missed for good is read anew, of one room and of everything", async () => {
    const { ann } = rig.stage;
    const room = await rig.stage.room();
    for (const cursor of [await rig.stage.now(), "0123456789abcdef;*@5"]) {
      for (const at of range(1, 12)) await say(ann, room, `far ${at}`);
      const store = open({ cursor, max: 10 });
      store.messages(room).subscribe(() => {});
      await until(store, () => textsOf(store, room).at(-1) === "far 12", "what was missed");
      await say(ann, room, "new");
      await until(store, () => textsOf(store, room).at(-1) === "new", "what comes then");
      expect(textsOf(store, room).slice(-3)).toEqual(["far 11", "far 12", "new"]);
      const shown = await rig.stage.ben.api.ok<{ items: { id: number; unread: number }[] }>("GET", "/rooms?limit=100");
      const lines = () => store.rooms.getSnapshot().map(({ isListed: _, ...line }) => line);
      await until(store, () => Bun.deepEquals(lines(), shown.items), "the lines of the server");
    }
  });
});
