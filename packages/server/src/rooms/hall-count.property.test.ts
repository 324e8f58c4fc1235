import { expect, test } from "bun:test";
import fc from "fast-check";
import type { KyselyPlugin } from "kysely";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { HeldAnswers, settled } from "../../test/held-answers.ts";
import { HallCount } from "./hall.ts";

type Step =
  | { kind: "people"; count: number }
  /** Past a minute everybody is counted anew. */
  | { kind: "pass"; ms: number }
  | { kind: "ask" }
  | { kind: "answer"; which: number };

const of = <K extends string>(kind: K) => fc.constant(kind);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: of("people"), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: of("pass"), ms: fc.constantFrom(1000, 59_999, 60_000) }) },
  { weight: 5, arbitrary: fc.record({ kind: of("ask") }) },
  { weight: 4, arbitrary: fc.record({ kind: of("answer"), which: fc.nat({ max: 9 }) }) },
);

async function run(steps: Step[]): Promise<void> {
  const chat = await ChatFixture.open();
  const held = new HeldAnswers();
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    transformResult: ({ result }) => held.hold(Promise.resolve(result)),
  };
  try {
    const count = new HallCount();
    const db = chat.scratch.db.withPlugin(plugin);
    let people = 0;
    const ask = async () => {
      const before = people;
      const answer = await count.read(db, chat.clock.now());
      expect(answer).toBeLessThanOrEqual(people);
      return { before, answer };
    };
    const asked: Promise<unknown>[] = [];
    for (const step of steps) {
      if (step.kind === "people") people += (await chat.people(step.count)).length;
      else if (step.kind === "pass") chat.clock.advance(step.ms);
      else if (step.kind === "ask") {
        const asking = ask();
        // Reported at the end, with the steps that led to it.
        asking.catch(() => undefined);
        asked.push(asking);
      } else await held.letGo(step.which);
      await settled();
    }
    await held.open();
    await Promise.all(asked);
    // A question that overlaps with no other has all of them, whatever happened to earlier ones.
    expect(await ask()).toEqual({ before: people, answer: people });
  } finally {
    await chat.close();
  }
}

test(
  "IM-64: however counts of the hall's people cross, nobody is counted twice or left out",
  () => fc.assert(fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 30 }), run), { numRuns: 60 }),
  60_000,
);
