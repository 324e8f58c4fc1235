import { expect, test } from "bun:test";
import { ChangeType, Push, parseCursor } from "@parley/protocol";
import fc from "fast-check";
import { type LogRig, openLog, type TestEvent, whole } from "./log.fixture.ts";
import { Outbox } from "./outbox.ts";
import type { ReadWindow } from "./subscriptions.ts";

const UID = 20_000;
const ME = `user:${UID}`;

/** What happens to a room while the reader catches up. */
type Step =
  | { kind: "say"; room: number; count: number }
  | { kind: "join"; room: number; history: "all" | "joined" }
  | { kind: "leave"; room: number }
  | { kind: "read"; limit: number }
  | { kind: "reconnect" };

const room = fc.integer({ min: 1, max: 3 });
const history = fc.constantFrom("all" as const, "joined" as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("say" as const), room, count: fc.integer({ min: 1, max: 130 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("join" as const), room, history }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("leave" as const), room }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("read" as const), limit: fc.integer({ min: 1, max: 80 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reconnect" as const) }) },
);

/** The model: a room's log, and the windows in which the reader was a member. */
class Model {
  readonly seqs = new Map<number, number>();
  readonly member = new Map<number, ReadWindow>();
  /** Every event the reader has to get, by stream. */
  readonly due = new Map<string, number[]>([[ME, []]]);
  rig!: LogRig;

  async say(room: number, count: number): Promise<void> {
    await this.#append(
      Array.from({ length: count }, () => ({ stream: `room:${room}` })),
      room,
    );
  }

  /** The first time, or again: then what lies between is a gap, whatever else he may look up. */
  async join(room: number, history: "all" | "joined"): Promise<void> {
    if (this.#isMember(room)) return;
    const seq = (this.seqs.get(room) ?? 0) + 1;
    const lastJoined = { seq, pos: this.rig.tail.position + 1 };
    const before = this.member.get(room);
    const away = before ? [[(before.leftSeq as number) + 1, seq - 1] as const] : [];
    const gaps = [...(before?.gaps ?? []), ...away.filter(([from, to]) => from <= to)];
    const fromSeq = history === "all" ? 1 : (before?.fromSeq ?? seq);
    const { joinedSeq, joinedPos } = before ?? { joinedSeq: seq, joinedPos: lastJoined.pos };
    this.member.set(room, { stream: `room:${room}`, fromSeq, gaps, leftSeq: null, joinedSeq, joinedPos, lastJoined });
    await this.#change(room, ChangeType.joined);
  }

  async leave(room: number): Promise<void> {
    if (!this.#isMember(room)) return;
    const window = this.member.get(room) as ReadWindow;
    await this.#change(room, ChangeType.left);
    this.member.set(room, { ...window, leftSeq: this.seqs.get(room) as number });
  }

  windows(): ReadWindow[] {
    return [whole(ME), ...this.member.values()];
  }

  #isMember(room: number): boolean {
    return this.member.get(room)?.leftSeq === null;
  }

  async #change(room: number, changeType: number): Promise<void> {
    const data = { roomId: room, uid: UID, changeType };
    const seq = (this.seqs.get(room) ?? 0) + 1;
    await this.#append(
      [
        { stream: `room:${room}`, type: Push.MEMBER_CHANGE, data },
        { stream: ME, type: Push.MEMBER_CHANGE, data: { ...data, seq } },
      ],
      room,
    );
  }

  async #append(events: TestEvent[], room: number): Promise<void> {
    const places = await this.rig.append(...events);
    for (const [i, event] of events.entries()) {
      const seq = places[i]?.seq as number;
      if (event.stream !== ME) this.seqs.set(room, seq);
      if (event.stream === ME || this.#isMember(room))
        this.due.set(event.stream, [...(this.due.get(event.stream) ?? []), seq]);
    }
  }
}

async function run(steps: Step[]): Promise<void> {
  const model = new Model();
  const rig = await openLog({ maxBytes: 40_000 });
  model.rig = rig;
  try {
    const got = new Map<string, number[]>();
    const take = (frames: string[]) => {
      for (const frame of frames) {
        const { stream, seq, type } = JSON.parse(frame) as { stream: string; seq: number; type: number };
        if (type === Push.RESYNC) throw new Error(`RESYNC ${frame}`);
        got.set(stream, [...(got.get(stream) ?? []), seq]);
      }
    };
    const open = async (cursor: string) => {
      const outbox = new Outbox(
        rig.outboxParts(() => model.windows()),
        UID,
      );
      take(await outbox.open(parseCursor(cursor), 100_000));
      return outbox;
    };
    let outbox = await open(`${rig.scratch.epoch};*@0`);
    for (const step of steps) {
      if (step.kind === "say") await model.say(step.room, step.count);
      else if (step.kind === "join") await model.join(step.room, step.history);
      else if (step.kind === "leave") await model.leave(step.room);
      else if (step.kind === "read") take(await outbox.next(step.limit));
      else outbox = await open(outbox.cursor());
    }
    for (let rest = outbox.cutOver(); ; rest = outbox.cutOver()) {
      if (rest) {
        take(rest);
        break;
      }
      take(await outbox.next(64));
    }
    const members = model.windows().filter((window) => window.leftSeq === null);
    expect([...outbox.streams()].sort()).toEqual(members.map((window) => window.stream).sort());
    for (const [stream, seqs] of model.due) expect([stream, got.get(stream) ?? []]).toEqual([stream, seqs]);
    expect([...got.keys()].every((stream) => model.due.has(stream))).toBe(true);
  } finally {
    await rig.close();
  }
}

test(
  "CUR-9 whatever is said, joined and left meanwhile, the outbox gives each event once, in the order of its stream",
  () =>
    fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), run), {
      numRuns: 60,
    }),
  60_000,
);
