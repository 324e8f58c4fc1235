import { expect, test } from "bun:test";
import { ChangeType, Push, parseCursor } from "@parley/protocol";
import fc from "fast-check";
import { type LogRig, openLog, type TestEvent, whole } from "../../test/log-rig.ts";
import { NOWHERE, type Place } from "./log-reader.ts";
import { Outbox } from "./outbox.ts";
import type { ReadWindow } from "./read-window.ts";

const UID = 20_000;
const ME = `user:${UID}`;

/** What happens to a room while the reader catches up. */
type Step =
  | { kind: "say"; room: number; count: number }
  | { kind: "join"; room: number }
  | { kind: "leave"; room: number }
  | { kind: "read"; limit: number }
  /** From now on commits are not announced, until `announce` or the next start. */
  | { kind: "hold" }
  | { kind: "announce" }
  | { kind: "reconnect" }
  /** As a waiting poll does with its outbox. */
  | { kind: "rest" };

const room = fc.integer({ min: 1, max: 3 });
const only = <K extends string>(kind: K) => fc.record({ kind: fc.constant(kind) });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("say" as const), room, count: fc.integer({ min: 1, max: 130 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("join" as const), room }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("leave" as const), room }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("read" as const), limit: fc.integer({ min: 1, max: 80 }) }) },
  { weight: 1, arbitrary: only("hold") },
  { weight: 1, arbitrary: only("announce") },
  { weight: 2, arbitrary: only("reconnect") },
  { weight: 2, arbitrary: only("rest") },
);

/** The model: the heads of the streams, and when the reader was in each room, in order. */
class Model {
  readonly heads = new Map<string, number>();
  readonly visits = new Map<string, { joined: Place; left: Place | null }[]>();
  readonly #rig: LogRig;

  constructor(rig: LogRig) {
    this.#rig = rig;
  }

  async say(room: string, count: number): Promise<void> {
    await this.#append(Array.from({ length: count }, (_, n) => this.#said(room, n)));
  }

  /** Most are messages; now and then somebody else comes, leaves or comes together with others. */
  #said(stream: string, n: number): TestEvent {
    if (n % 7 !== 3) return { stream };
    const changeType = n % 2 === 0 ? ChangeType.joined : ChangeType.left;
    const data = { roomId: Number(stream.slice(5)), uid: UID + 1, uids: [UID + 1, UID + 2], changeType };
    return { stream, type: Push.MEMBER_CHANGE, data };
  }

  async join(room: string): Promise<void> {
    const visits = this.visits.get(room) ?? [];
    if (visits.at(-1)?.left === null) return;
    const joined = await this.#change(room, ChangeType.joined);
    this.visits.set(room, [...visits, { joined, left: null }]);
  }

  async leave(room: string): Promise<void> {
    const visit = this.visits.get(room)?.at(-1);
    if (visit?.left === null) visit.left = await this.#change(room, ChangeType.left);
  }

  windows(): ReadWindow[] {
    const rooms = [...this.visits].map(([stream, visits]) => {
      const { joined, left } = visits.at(-1) as (typeof visits)[number];
      return { stream, joined, left, leftBefore: visits.at(-2)?.left ?? NOWHERE };
    });
    return [whole(ME), ...rooms];
  }

  /** The first seq above this one that is for the reader; undefined when they have everything. */
  nextFor(stream: string, seq: number): number | undefined {
    const head = this.heads.get(stream) ?? 0;
    if (stream === ME) return seq < head ? seq + 1 : undefined;
    for (const { joined, left } of this.visits.get(stream) ?? []) {
      const next = Math.max(seq + 1, joined.seq);
      if (next <= (left?.seq ?? head)) return next;
    }
    return undefined;
  }

  async #change(stream: string, changeType: number): Promise<Place> {
    const data = { roomId: Number(stream.slice(5)), uid: UID, changeType };
    const seq = (this.heads.get(stream) ?? 0) + 1;
    const [place] = await this.#append([
      { stream, type: Push.MEMBER_CHANGE, data },
      { stream: ME, type: Push.MEMBER_CHANGE, data: { ...data, seq } },
    ]);
    return place as Place;
  }

  async #append(events: TestEvent[]): Promise<Place[]> {
    const places = await this.#rig.append(...events);
    for (const [i, { stream }] of events.entries()) this.heads.set(stream, (places[i] as Place).seq);
    return places;
  }
}

/** What the reader has. Fails at the first event that is not the next one for them, and at each RESYNC that is missing or undue. */
class Reader {
  readonly has = new Map<string, number>();
  readonly #model: Model;
  readonly #max: number;

  /** @param max how many events behind they are told to read anew, in one stream and in all */
  constructor(model: Model, max: number) {
    this.#model = model;
    this.#max = max;
  }

  take(frames: string[]): void {
    const behind = this.#behind();
    for (const frame of frames) {
      const { type, stream, seq, data } = JSON.parse(frame);
      if (type === Push.RESYNC) this.#resync(data, behind);
      else {
        expect([stream, seq]).toEqual([stream, this.#next(stream)]);
        this.has.set(stream, seq);
      }
    }
  }

  /**
   * It skips something that was theirs: everything from before the present visit, or everything up to the end if they are further behind than they asked for.
   */
  #resync({ stream, seq, why }: { stream: string; seq: number; why: string }, behind: number): void {
    expect(this.#next(stream)).toBeLessThanOrEqual(seq);
    const joined = this.#model.visits.get(stream)?.at(-1)?.joined.seq ?? 0;
    const isAtEnd = this.#model.nextFor(stream, seq) === undefined;
    if (why === "far") expect([isAtEnd, behind > this.#max]).toEqual([true, true]);
    else expect([why, seq === joined - 1 || (isAtEnd && behind > this.#max)]).toEqual(["rejoined", true]);
    this.has.set(stream, seq);
  }

  /** Events of all streams that they have not had. */
  #behind(): number {
    let count = 0;
    for (const stream of [ME, ...this.#model.visits.keys()]) {
      for (let seq = this.#next(stream); seq !== undefined; seq = this.#model.nextFor(stream, seq)) count += 1;
    }
    return count;
  }

  #next(stream: string): number | undefined {
    return this.#model.nextFor(stream, this.has.get(stream) ?? 0);
  }

  hasAll(): boolean {
    return [ME, ...this.#model.visits.keys()].every((stream) => this.#next(stream) === undefined);
  }
}

async function run({ steps, max }: { steps: Step[]; max: number }): Promise<void> {
  const rig = await openLog({ maxBytes: 40_000, announcing: false });
  try {
    const model = new Model(rig);
    const reader = new Reader(model, max);
    let isHeld = false;
    const open = async (cursor: string) => {
      const outbox = new Outbox(
        rig.outboxParts(() => model.windows()),
        UID,
      );
      reader.take(await outbox.open(parseCursor(cursor), max));
      return outbox;
    };
    let outbox = await open(`${rig.scratch.epoch};*@0`);
    for (const step of steps) {
      if (step.kind === "say") await model.say(`room:${step.room}`, step.count);
      else if (step.kind === "join") await model.join(`room:${step.room}`);
      else if (step.kind === "leave") await model.leave(`room:${step.room}`);
      else if (step.kind === "read") {
        const frames = await outbox.next(step.limit);
        // A reader that continues sees leavings and returns at their places in the log.
        expect(frames.some((frame) => JSON.parse(frame).type === Push.RESYNC)).toBe(false);
        reader.take(frames);
      } else if (step.kind === "rest") outbox.rest((stream) => stream);
      else if (step.kind === "reconnect") outbox = await open(outbox.cursor());
      else isHeld = step.kind === "hold";
      if (!isHeld) await rig.announcer.catchUpWithLog();
    }
    await rig.announcer.catchUpWithLog();
    for (let rest = outbox.cutOver(); ; rest = outbox.cutOver()) {
      if (rest) {
        reader.take(rest);
        break;
      }
      reader.take(await outbox.next(64));
    }
    const members = model.windows().filter(({ left }) => left === null);
    expect([...outbox.streams()].sort()).toEqual(members.map(({ stream }) => stream).sort());
    expect(reader.hasAll()).toBe(true);
  } finally {
    await rig.close();
  }
}

test(
  "CUR-9, CUR-11 whatever is said, joined and left meanwhile, announced or not, the outbox gives each event once, in the order of its stream; RESYNC says where a return was missed, and nowhere else",
  () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({ steps: fc.array(step, { minLength: 5, maxLength: 40 }), max: fc.constantFrom(100_000, 50) }),
        run,
      ),
      { numRuns: 100 },
    ),
  60_000,
);
