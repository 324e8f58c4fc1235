/**
 * Whatever two devices of a person, the product and the clock do, in whatever order: both devices, a reader who reads everything anew, and the
 * server come to the same lists and counters.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import fc from "fast-check";
import { ManualClock } from "../src/lib/clock.ts";
import { removeExpiredNotices } from "../src/notifications/upkeep-writes.ts";
import { type Person, TestServer } from "./harness.ts";
import type { LiveClient, SeenFrame } from "./live-client.ts";
import { applyNotice, type NoticeState, readNotices, type ShownNotices, shownNotices } from "./notice-client.ts";
import { type Door, openDoor, personAtDoor } from "./server-door.ts";

const clock = new ManualClock();
let server: TestServer;
let door: Door;
let made = 0;
beforeAll(async () => {
  server = await TestServer.start({}, { clock });
  door = await openDoor(server, "shop");
}, 30_000);
afterAll(() => server.stop());

/** A person and what has been sent so far; numbers of `Act` pick from it. */
class Scene {
  readonly ids: number[] = [];

  private constructor(
    readonly ada: Person,
    readonly other: Person,
    readonly since: number,
  ) {}

  static async open(): Promise<Scene> {
    made += 1;
    clock.advance(1000);
    const ada = await personAtDoor(server, door, `ada-${made}`);
    const { createdAt } = await ada.api.ok<{ createdAt: number }>("GET", "/me");
    return new Scene(ada, await personAtDoor(server, door, `other-${made}`), createdAt);
  }

  pick(n: number): number {
    return this.ids[n % this.ids.length] ?? 1;
  }

  async notify(to: "ada" | "both" | "all", more: object): Promise<void> {
    const users = to === "both" ? [this.ada.uid, this.other.uid] : [this.ada.uid];
    const body = { kind: "a", title: "t", text: "", ...more, to: to === "all" ? { all: true } : { users } };
    this.ids.push((await door.ok<{ id: number }>("POST", "/notifications", body)).id);
  }

  put(what: string, body: object): Promise<unknown> {
    return this.ada.api.ok("PUT", `/notifications/${what}`, body);
  }
}

type Act = (scene: Scene) => Promise<unknown>;

const nth = fc.nat({ max: 30 });
/** Each scene has a different one, so that scenes do not interfere with each other. */
const key = fc.constantFrom("k1", "k2").map((name) => (scene: Scene) => `${name}-${scene.ada.uid}`);
const named = <T>(arbitrary: fc.Arbitrary<T>, name: (value: T) => string, act: (value: T) => Act) =>
  arbitrary.map((value): Act & { toString(): string } => Object.assign(act(value), { toString: () => name(value) }));

const product = fc.oneof(
  {
    weight: 5,
    arbitrary: named(
      fc.record({
        to: fc.constantFrom("ada" as const, "both" as const, "all" as const),
        collapses: fc.boolean(),
        ttl: fc.constantFrom(undefined, undefined, 3, 30),
        key: fc.option(key, { nil: undefined }),
      }),
      ({ to, collapses, ttl }) => `notify ${to} ${collapses} ${ttl}`,
      ({ to, collapses, ttl, key }) =>
        (scene) =>
          scene.notify(to, { ttl, key: key?.(scene), collapseKey: collapses ? `c-${scene.ada.uid}` : undefined }),
    ),
  },
  named(
    fc.record({ n: nth, change: fc.constantFrom({ title: "u" }, { done: true }, { done: false }, { link: "/x" }) }),
    ({ n, change }) => `patch ${n} ${JSON.stringify(change)}`,
    ({ n, change }) =>
      (scene) =>
        door.call("PATCH", `/notifications/${scene.pick(n)}`, change),
  ),
  named(
    key,
    () => "done",
    (of) => (scene) => door.ok("PUT", `/notifications/a/${of(scene)}/done`),
  ),
  named(
    key,
    () => "take back",
    (of) => (scene) => door.ok("DELETE", `/notifications/a/${of(scene)}`),
  ),
);
const person = fc.oneof(
  named(
    nth,
    (n) => `seen ${n}`,
    (n) => (scene) => scene.put("seen", { upTo: scene.pick(n) }),
  ),
  named(
    nth,
    (n) => `read up to ${n}`,
    (n) => (scene) => scene.put("read", { upTo: scene.pick(n) }),
  ),
  named(
    fc.array(nth, { minLength: 1, maxLength: 4 }),
    (ns) => `read ${ns}`,
    (ns) => (scene) => scene.put("read", { ids: ns.map((n) => scene.pick(n)) }),
  ),
  named(
    fc.array(nth, { minLength: 1, maxLength: 3 }),
    (ns) => `archive ${ns}`,
    (ns) => (scene) => scene.put("archive", { ids: ns.map((n) => scene.pick(n)) }),
  ),
);
const time = fc.oneof(
  named(
    fc.integer({ min: 1, max: 12_000 }),
    (ms) => `${ms} ms pass`,
    (ms) => async () => clock.advance(ms),
  ),
  named(
    fc.constant(0),
    () => "upkeep",
    () => async () => {
      while (await server.storage.writes.run(removeExpiredNotices, undefined));
    },
  ),
);

/** A device on a WebSocket, which applies each frame as it comes. */
class LiveDevice {
  readonly #client: LiveClient;
  readonly #since: number;
  #state: NoticeState;
  #applied = 0;
  #asked = 0;

  private constructor(client: LiveClient, state: NoticeState, since: number) {
    this.#client = client;
    this.#state = state;
    this.#since = since;
  }

  static async open({ ada, since }: Scene): Promise<LiveDevice> {
    const { state } = await readNotices(ada.api);
    return new LiveDevice(await server.live(ada), state, since);
  }

  /** Resolves when it has had everything that was done before. */
  async settled(): Promise<NoticeState> {
    this.#asked += 1;
    this.#client.send({ type: Command.TYPING, data: { roomId: Number.MAX_SAFE_INTEGER } });
    await this.#client.until(() => this.#client.of(Push.ERROR).length >= this.#asked, "the answer");
    for (const frame of this.#client.frames.slice(this.#applied)) {
      this.#state = applyNotice(this.#state, frame, this.#since);
      this.#applied += 1;
    }
    return this.#state;
  }

  close(): void {
    this.#client.close();
  }
}

/** A device that is away and polls now and then; one that wants only few missed events gets RESYNC, and reads everything anew. */
class PollingDevice {
  #state: NoticeState | undefined;
  #cursor = "";
  resyncs = 0;

  constructor(readonly scene: Scene) {}

  async catchUp(max: number): Promise<NoticeState> {
    const { api } = this.scene.ada;
    if (!this.#state) return this.#readAnew();
    for (let more = true; more; ) {
      const reply = await api.ok<{ events: SeenFrame[]; cursor: string; more: boolean }>("POST", "/events", {
        cursor: this.#cursor,
        limit: 3,
        max,
      });
      for (const frame of reply.events) {
        if (frame.type === Push.RESYNC) {
          this.resyncs += 1;
          return this.#readAnew();
        }
        this.#state = applyNotice(this.#state, frame, this.scene.since);
      }
      ({ cursor: this.#cursor, more } = reply);
    }
    return this.#state;
  }

  async #readAnew(): Promise<NoticeState> {
    const { state, asOfs } = await readNotices(this.scene.ada.api);
    expect(new Set(asOfs).size).toBe(1);
    this.#cursor = asOfs[0] as string;
    this.#state = state;
    return state;
  }
}

/** What can be compared: counts, and what the lists show. */
const comparable = ({ list, archived, unseen, unread }: ShownNotices) => ({ unseen, unread, list, archived });

test("NTF-25, NTF-24, CUR-12: any interleaving of two devices, the product and the clock ends in equal lists and counts", async () => {
  let resyncs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.array(fc.oneof({ weight: 3, arbitrary: product }, { weight: 2, arbitrary: person }), { maxLength: 6 }),
        {
          minLength: 2,
          maxLength: 8,
        },
      ),
      fc.array(time, { minLength: 8, maxLength: 8 }),
      fc.array(fc.constantFrom(undefined, 1, 1000), { minLength: 8, maxLength: 8 }),
      async (bursts, times, comesBack) => {
        const scene = await Scene.open();
        const [live, away] = [await LiveDevice.open(scene), new PollingDevice(scene)];
        await away.catchUp(1000);
        try {
          for (const [index, burst] of bursts.entries()) {
            // These run at once, as they come from several places.
            await Promise.all(burst.map((act) => act(scene)));
            await (times[index] as Act)(scene);
            const max = comesBack[index];
            if (max !== undefined) await away.catchUp(max);
          }
          const server = await readNotices(scene.ada.api);
          const shown = comparable(server.shown);
          const { notifications } = await scene.ada.api.ok<{ notifications: number }>("GET", "/unread");
          expect(notifications).toBe(shown.unseen);
          const now = clock.now();
          expect(comparable(shownNotices(await live.settled(), now))).toEqual(shown);
          expect(comparable(shownNotices(await away.catchUp(1000), now))).toEqual(shown);
          expect(comparable(shownNotices(server.state, now))).toEqual(shown);
          resyncs += away.resyncs;
        } finally {
          live.close();
        }
      },
    ),
    { numRuns: 100, endOnFailure: false },
  );
  expect(resyncs).toBeGreaterThan(5);
}, 120_000);
