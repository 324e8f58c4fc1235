import { expect, test } from "bun:test";
import fc from "fast-check";
import { HeldAnswers, settled } from "../../test/held-answers.ts";
import { type LogRig, openLog } from "../../test/log-rig.ts";
import type { LogReader } from "./log-reader.ts";
import { Tail } from "./tail.ts";

const STREAMS = ["room:1", "room:2", "room:3", "room:4"];

/** What happens to a tail during its loads. */
type Step =
  /** Announced at once, with all that was committed before, or later by `announce`. */
  | { kind: "commit"; stream: number; count: number; length: number; announced: boolean }
  | { kind: "announce"; count: number }
  /** `behind`: how many announced events of each stream the reader lacks. */
  | { kind: "read"; streams: number[]; behind: number; limit: number }
  | { kind: "heads" }
  | { kind: "seqsAt"; back: number }
  /** One answer of the database arrives. */
  | { kind: "answer"; which: number };

const of = <K extends string>(kind: K) => fc.constant(kind);
const stream = fc.nat({ max: STREAMS.length - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: of("commit"),
      stream,
      count: fc.integer({ min: 1, max: 60 }),
      length: fc.constantFrom(1, 400),
      announced: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: of("announce"), count: fc.integer({ min: 1, max: 90 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: of("read"),
      streams: fc.uniqueArray(stream, { minLength: 1, maxLength: 4 }),
      behind: fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 400 })),
      limit: fc.integer({ min: 1, max: 120 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: of("heads") }) },
  { weight: 1, arbitrary: fc.record({ kind: of("seqsAt"), back: fc.nat({ max: 60 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: of("answer"), which: fc.nat({ max: 20 }) }) },
);

/** The tail under test, next to the log's contents, which are known without it. */
class Scene {
  readonly held = new HeldAnswers();
  readonly tail: Tail;
  readonly #under: Promise<void>[] = [];
  readonly #rig: LogRig;
  readonly #maxBytes: number;
  #announced = 0;

  constructor(rig: LogRig, maxBytes: number) {
    this.#rig = rig;
    this.#maxBytes = maxBytes;
    const { reader } = rig;
    const { held } = this;
    const slow: Pick<LogReader, "states" | "ranges" | "seqsAt"> = {
      states: (streams) => held.hold(reader.states(streams)),
      ranges: (ranges, upTo) => held.hold(reader.ranges(ranges, upTo)),
      seqsAt: (pos, ranges) => held.hold(reader.seqsAt(pos, ranges)),
    };
    this.tail = new Tail(slow as LogReader, { position: 0, maxBytes });
  }

  /** Seq and position of the newest event of a stream that stands at or before a position. */
  #placeAt(stream: string, pos: number): { seq: number; pos: number } | undefined {
    return this.#rig.scratch.events.findLast((event) => event.stream === stream && event.pos <= pos);
  }

  head(stream: string): number {
    return this.#placeAt(stream, this.tail.position)?.seq ?? 0;
  }

  announce(count: number): void {
    for (const event of this.#rig.scratch.events.slice(this.#announced, this.#announced + count))
      this.tail.append(event);
    this.#announced = Math.min(this.#announced + count, this.#rig.scratch.events.length);
  }

  /** A reader gets the next events of each stream: all that were announced when it asked, and none that is not announced yet. */
  async read({ streams, behind, limit }: Step & { kind: "read" }): Promise<void> {
    const asked = streams.map((index) => {
      const stream = STREAMS[index] as string;
      return { stream, after: Math.max(0, this.head(stream) - behind), head: this.head(stream) };
    });
    const found = await this.tail.read(asked, limit);
    for (const { stream, after, head } of asked) {
      const events = found.get(stream) ?? [];
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => after + 1 + i));
      expect(events.length).toBeGreaterThanOrEqual(Math.min(limit, head - after));
      expect(events.length).toBeLessThanOrEqual(Math.min(limit, this.head(stream) - after));
      this.#expectCommitted(stream, events);
    }
  }

  /** Kept for the end, where failures are reported with the steps that led to them. */
  follow(work: Promise<void>): void {
    work.catch(() => undefined);
    this.#under.push(work);
  }

  /** Resolves when everything that was asked has been answered. */
  async ended(): Promise<void> {
    await Promise.all(this.#under);
  }

  async heads(): Promise<void> {
    const asked = this.tail.position;
    const heads = await this.tail.heads(STREAMS);
    for (const stream of STREAMS) {
      const { seq } = heads.get(stream) as { seq: number };
      expect(seq).toBeGreaterThanOrEqual(this.#placeAt(stream, asked)?.seq ?? 0);
      expect(seq).toBeLessThanOrEqual(this.head(stream));
    }
  }

  async seqsAt(back: number): Promise<void> {
    const pos = Math.max(0, this.tail.position - back);
    const ranges = STREAMS.map((stream) => ({ stream, after: 0, upTo: this.head(stream) }));
    const seqs = await this.tail.seqsAt(pos, ranges);
    for (const stream of STREAMS)
      expect([stream, seqs.get(stream)]).toEqual([stream, this.#placeAt(stream, pos)?.seq ?? 0]);
  }

  /** Memory joins the head without a gap, has what was committed, and stays within its bound; events that are not there are known to be old. */
  check(): void {
    const warm = STREAMS.filter((stream) => this.tail.head(stream) !== undefined);
    for (const stream of STREAMS) {
      const place = this.#placeAt(stream, this.tail.position);
      const head = this.tail.head(stream);
      if (!head) {
        expect(place?.pos ?? 0).toBeLessThanOrEqual(this.tail.evictedUpTo);
        expect(this.tail.peek(stream, 0, 1)).toBeUndefined();
        continue;
      }
      expect([stream, head.seq]).toEqual([stream, place?.seq ?? 0]);
      const first = this.#first(stream);
      const events = this.tail.peek(stream, first, 10_000) as { seq: number; data: string | null }[];
      expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: head.seq - first }, (_, i) => first + 1 + i));
      this.#expectCommitted(stream, events);
    }
    const kept = warm.flatMap((stream) => this.tail.peek(stream, this.#first(stream), 10_000) ?? []);
    // 240 bytes for a stream, 160 for an event beside its text.
    const bytes = warm.length * 240 + kept.reduce((sum, { data }) => sum + 160 + (data?.length ?? 0), 0);
    expect(this.tail.bytes).toBe(bytes);
    if (warm.length > 1) expect(this.tail.bytes).toBeLessThanOrEqual(this.#maxBytes);
  }

  /** The seq after which all events of a stream are in memory. */
  #first(stream: string): number {
    let after = this.tail.head(stream)?.seq ?? 0;
    while (after > 0 && this.tail.peek(stream, after - 1, 1)) after -= 1;
    return after;
  }

  #expectCommitted(stream: string, events: readonly { seq: number; data: string | null }[]): void {
    const committed = this.#rig.scratch.events.filter((event) => event.stream === stream);
    for (const { seq, data } of events) expect(data).toBe((committed[seq - 1] as { data: string }).data);
  }
}

async function run({ steps, maxBytes }: { steps: Step[]; maxBytes: number }): Promise<void> {
  const rig = await openLog({ announcing: false });
  try {
    const scene = new Scene(rig, maxBytes);
    for (const step of steps) {
      if (step.kind === "commit") {
        const data = (i: number) => ({ n: i, text: "x".repeat(step.length) });
        const stream = STREAMS[step.stream] as string;
        await rig.append(...Array.from({ length: step.count }, (_, i) => ({ stream, data: data(i) })));
        if (step.announced) scene.announce(10_000);
      } else if (step.kind === "announce") scene.announce(step.count);
      else if (step.kind === "read") scene.follow(scene.read(step));
      else if (step.kind === "heads") scene.follow(scene.heads());
      else if (step.kind === "seqsAt") scene.follow(scene.seqsAt(step.back));
      else await scene.held.letGo(step.which);
      await settled();
      scene.check();
    }
    await scene.held.open();
    await scene.ended();
    scene.announce(10_000);
    scene.check();
    await scene.read({ kind: "read", streams: [0, 1, 2, 3], behind: 10_000, limit: 10_000 });
    scene.check();
  } finally {
    await rig.close();
  }
}

test(
  "LOG-5, LOG-6, LOG-7 however loads, evictions and announcements cross, a reader gets what was announced when it asked, and memory holds each stream up to its head without a gap",
  () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({
          steps: fc.array(step, { minLength: 5, maxLength: 50 }),
          maxBytes: fc.constantFrom(1, 4000, 12_000, 1_000_000),
        }),
        run,
      ),
      { numRuns: 60 },
    ),
  60_000,
);
