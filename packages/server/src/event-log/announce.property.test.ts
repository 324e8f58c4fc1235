import { expect, test } from "bun:test";
import fc from "fast-check";
import { HeldAnswers, settled } from "../../test/held-answers.ts";
import { keepNewest, type LogRig, openLog } from "../../test/log-rig.ts";
import { Announcer } from "./announce.ts";
import type { LogReader } from "./log-reader.ts";

const STREAMS = ["room:1", "room:2"];

/** What happens to the log while a node reads its end and its events. */
type Step =
  | { kind: "commit"; stream: number; count: number }
  /** Some of the newest events are told to the node, as after a commit of its own. */
  | { kind: "hint"; back: number; count: number }
  | { kind: "look" }
  /** Somebody waits for an event that was committed. */
  | { kind: "wait"; back: number }
  /** Another node, which has seen everything, removes old events. */
  | { kind: "trim"; keep: number }
  | { kind: "answer"; which: number };

const of = <K extends string>(kind: K) => fc.constant(kind);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: of("commit"), stream: fc.nat({ max: 1 }), count: fc.integer({ min: 1, max: 300 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: of("hint"), back: fc.nat({ max: 40 }), count: fc.integer({ min: 1, max: 40 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: of("look") }) },
  { weight: 1, arbitrary: fc.record({ kind: of("wait"), back: fc.nat({ max: 40 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: of("trim"), keep: fc.constantFrom(0, 0, 5, 60) }) },
  { weight: 8, arbitrary: fc.record({ kind: of("answer"), which: fc.nat({ max: 9 }) }) },
);

/** A node that follows the log. It hands on the next event, unless everything in between has left the log. */
class Scene {
  readonly held = new HeldAnswers();
  readonly announcer: Announcer;
  readonly #under: Promise<unknown>[] = [];
  readonly #rig: LogRig;
  #last = 0;
  /** Positions of events that were removed from the log, or are being removed. */
  readonly #removed = new Set<number>();

  constructor(rig: LogRig) {
    this.#rig = rig;
    const { reader } = rig;
    const slow: Pick<LogReader, "end" | "all"> = {
      end: () => this.held.hold(reader.end()),
      all: (after, limit) => this.held.hold(reader.all(after, limit)),
    };
    const parts = { reader: slow as LogReader, eventDataOf: async () => new Map(), position: 0 };
    this.announcer = new Announcer({ ...parts, skipped: (position) => this.#reach(position) }, (event) => {
      this.#reach(event.pos - 1);
      const committed = this.events[event.pos - 1];
      expect([event.pos, event.stream, event.seq, event.data]).toEqual([
        committed?.pos as number,
        committed?.stream as string,
        committed?.seq as number,
        committed?.data as string,
      ]);
      this.#last = event.pos;
    });
  }

  get events() {
    return this.#rig.scratch.events;
  }

  /** The node continues after a position: it has handed on everything up to there that is still in the log. */
  #reach(position: number): void {
    expect(position).toBeGreaterThanOrEqual(this.#last);
    for (let pos = this.#last + 1; pos <= position; pos++) {
      if (!this.#removed.has(pos))
        throw new Error(`${position} was reached from ${this.#last}, though ${pos} is in the log`);
    }
    this.#last = position;
  }

  hint({ back, count }: { back: number; count: number }): void {
    const from = Math.max(0, this.events.length - back);
    this.#follow(this.announcer.announce(this.events.slice(from, from + count)));
  }

  look(): void {
    const end = this.events.length;
    this.#follow(
      this.announcer.catchUpWithLog().then(() => {
        expect(this.announcer.position).toBeGreaterThanOrEqual(end);
      }),
    );
  }

  wait(back: number): void {
    const position = Math.max(0, this.events.length - back);
    this.#follow(
      this.announcer.whenAnnounced(position).then(() => {
        expect(this.announcer.position).toBeGreaterThanOrEqual(position);
      }),
    );
  }

  async trim(keep: number): Promise<void> {
    for (const stream of STREAMS) {
      const its = this.events.filter((event) => event.stream === stream);
      for (const { pos } of its.slice(0, Math.max(0, its.length - keep))) this.#removed.add(pos);
    }
    await keepNewest({ ...this.#rig, announcer: { position: this.events.length } as never }, keep);
  }

  /** Kept for the end, where failures are reported with the steps that led to them. */
  #follow(work: void | Promise<void>): void {
    const promise = Promise.resolve(work);
    promise.catch(() => undefined);
    this.#under.push(promise);
  }

  /** Resolves when everything that was asked has been answered. */
  async ended(): Promise<void> {
    await Promise.all(this.#under);
  }
}

async function run(steps: Step[]): Promise<void> {
  const rig = await openLog({ announcing: false });
  const scene = new Scene(rig);
  try {
    for (const step of steps) {
      if (step.kind === "commit") {
        const stream = STREAMS[step.stream] as string;
        await rig.append(...Array.from({ length: step.count }, (_, n) => ({ stream, data: { n } })));
      } else if (step.kind === "hint") scene.hint(step);
      else if (step.kind === "look") scene.look();
      else if (step.kind === "wait") scene.wait(step.back);
      else if (step.kind === "trim") await scene.trim(step.keep);
      else await scene.held.letGo(step.which);
      await settled();
    }
    await scene.held.open();
    await scene.announcer.catchUpWithLog();
    expect(scene.announcer.position).toBe(scene.events.length);
    await scene.ended();
  } finally {
    await rig.close();
  }
}

test(
  "LOG-4, RET-6 whatever is committed, hinted at and removed while the log's end and its events are read, each event is handed on once, in order, and only what is gone is passed over",
  () =>
    fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), run), {
      numRuns: 60,
      // More is committed and asked for while what was read is removed.
      examples: [
        [
          [
            { kind: "look" },
            { kind: "look" },
            { kind: "commit", stream: 0, count: 1 },
            { kind: "look" },
            { kind: "answer", which: 0 },
            { kind: "answer", which: 1 },
            { kind: "commit", stream: 0, count: 1 },
            { kind: "look" },
            { kind: "answer", which: 0 },
            { kind: "commit", stream: 0, count: 1 },
            { kind: "trim", keep: 0 },
          ],
        ],
      ],
    }),
  60_000,
);
