import { expect, test } from "bun:test";
import { Push, parseCursor } from "@parley/protocol";
import fc from "fast-check";
import { keepNewest, type LogRig, openLog, whole } from "../../test/log-rig.ts";
import { LogReader } from "../event-log/log-reader.ts";
import { Outbox } from "../event-log/outbox.ts";
import { Tail } from "../event-log/tail.ts";

const UID = 20_000;
const STREAMS = ["room:1", "room:2", "room:3", `user:${UID}`];

/** What happens while a reader comes and goes. */
type Step =
  | { kind: "say"; stream: number; count: number }
  | { kind: "trim"; keep: number }
  | { kind: "read"; limit: number }
  /** With the server's cursor, or with an older one and the streams of which the reader has seen events since. */
  | { kind: "reconnect"; by: "server" | "own" }
  /** The node forgets what is in memory, as by a restart. */
  | { kind: "restart" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("say" as const),
      stream: fc.nat({ max: STREAMS.length - 1 }),
      count: fc.integer({ min: 1, max: 130 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("trim" as const), keep: fc.integer({ min: 0, max: 60 }) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("read" as const), limit: fc.integer({ min: 1, max: 80 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("reconnect" as const),
      by: fc.constantFrom("server" as const, "own" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
);

/** A client that believes nothing: each event is the next of its stream, or RESYNC has correctly said what is gone. */
class Client {
  readonly has = new Map(STREAMS.map((stream) => [stream, 0]));
  /** The server's last cursor; `seen` has the streams of which the reader has seen events since. */
  base: string;
  readonly seen = new Map<string, number>();
  readonly #rig: LogRig;

  constructor(rig: LogRig) {
    this.#rig = rig;
    this.base = `${rig.scratch.epoch};*@0`;
  }

  async take(frames: readonly string[]): Promise<void> {
    for (const frame of frames) {
      const { type, stream, seq, data } = JSON.parse(frame);
      if (type === Push.RESYNC) await this.#skip(data);
      else {
        expect([stream, seq]).toEqual([stream, (this.has.get(stream) as number) + 1]);
        this.#note(stream, seq);
      }
    }
  }

  /** The base, with what was seen since. */
  ownCursor(): string {
    const { epoch, floor, streams } = parseCursor(this.base);
    const entries = [...new Map([...streams, ...this.seen])].map(([stream, seq]) => `${stream}@${seq}`);
    return `${epoch};${[...(floor === undefined ? [] : [`*@${floor}`]), ...entries].join(",")}`;
  }

  async #skip({ stream, seq, why }: { stream: string; seq: number; why: string }): Promise<void> {
    const had = this.has.get(stream) as number;
    const first = (await this.#rig.reader.states([stream])).get(stream)?.firstSeq ?? 1;
    // What they are told that they miss is gone, and none of it is left.
    expect({ stream, why, had, seq, gone: had < seq && seq < first }).toMatchObject({ why: "trimmed", gone: true });
    this.#note(stream, seq);
  }

  #note(stream: string, seq: number): void {
    this.has.set(stream, seq);
    this.seen.set(stream, seq);
  }
}

async function run({ steps, maxBytes }: { steps: Step[]; maxBytes: number }): Promise<void> {
  const rig = await openLog({ maxBytes });
  try {
    const client = new Client(rig);
    let tail = rig.tail;
    rig.scratch.listen((event) => {
      if (tail !== rig.tail) tail.append(event);
    });
    const open = async (cursor: string) => {
      const parts = { ...rig.outboxParts(() => STREAMS.map(whole)), tail };
      const outbox = new Outbox(parts, UID);
      await client.take(await outbox.open(parseCursor(cursor), 100_000));
      return outbox;
    };
    let outbox = await open(client.base);
    for (const step of steps) {
      if (step.kind === "say") {
        const stream = STREAMS[step.stream] as string;
        await rig.append(...Array.from({ length: step.count }, () => ({ stream })));
      } else if (step.kind === "trim") await keepNewest(rig, step.keep);
      else if (step.kind === "read") await client.take(await outbox.next(step.limit));
      else if (step.kind === "restart") {
        tail = new Tail(new LogReader(rig.scratch.db), { position: rig.tail.position, maxBytes });
        outbox = await open(client.ownCursor());
      } else if (step.by === "own") outbox = await open(client.ownCursor());
      else {
        client.base = outbox.cursor();
        client.seen.clear();
        outbox = await open(client.base);
      }
    }
    let rest = outbox.cutOver();
    for (let round = 0; rest === undefined; rest = outbox.cutOver()) {
      if (round++ > 1000) throw new Error("the outbox does not come to an end");
      await client.take(await outbox.next(64));
    }
    await client.take(rest);
    const states = await rig.reader.states(STREAMS);
    for (const stream of STREAMS)
      expect([stream, client.has.get(stream)]).toEqual([stream, states.get(stream)?.head.seq ?? 0]);
    const again = await open(outbox.cursor());
    expect(again.cutOver()).toEqual([]);
  } finally {
    await rig.close();
  }
}

test(
  "RET-3, RET-5 whatever is said, removed and resumed, a reader gets each stream without a gap, but for those that RESYNC names, which are gone",
  () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({
          steps: fc.array(step, { minLength: 5, maxLength: 40 }),
          maxBytes: fc.constantFrom(1, 40_000, 1_000_000),
        }),
        run,
      ),
      { numRuns: 80 },
    ),
  120_000,
);
