import { expect, test } from "bun:test";
import { closedGaps, comeBack, GAPS_MAX, type Reach } from "./coming-back.ts";

const hidden = (joinedSeq: number) => ({ history: "joined", joinedSeq }) as const;
const shown = (joinedSeq: number) => ({ history: "all", joinedSeq }) as const;
const closed = ({ gaps, openedSeq }: Reach) => closedGaps(JSON.stringify(gaps), openedSeq);
const many = (way: typeof hidden | typeof shown, count: number) => {
  let reach: Reach = { fromSeq: 1, gaps: [], openedSeq: 0 };
  for (let n = 1; n <= count; n++) reach = comeBack({ ...reach, leftSeq: n * 10 }, way(n * 10 + 5));
  return reach;
};

test("IM-49: coming back adds a gap from the leaving to the joining, both excluded", () => {
  const first = comeBack({ fromSeq: 3, gaps: [], openedSeq: 0, leftSeq: 7 }, hidden(12));
  expect(first).toEqual({ fromSeq: 3, gaps: [[8, 11]], openedSeq: 0 });
  expect(comeBack({ ...first, leftSeq: 15 }, hidden(16))).toEqual(first);
  expect(closed(first)).toEqual([[8, 11]]);
});

test("IM-49: where history is shown, coming back opens what was closed, and only until then", () => {
  const first = comeBack({ fromSeq: 3, gaps: [[8, 11]], openedSeq: 0, leftSeq: 15 }, shown(20));
  expect(first.fromSeq).toBe(1);
  expect(first.gaps).toHaveLength(2);
  expect(closed(first)).toEqual([]);
  expect(closed(comeBack({ ...first, leftSeq: 30 }, hidden(40)))).toEqual([[31, 39]]);
});

test("IM-49: after many returns the oldest part is forgotten: never opened, and never closed where it was open", () => {
  const reach = many(hidden, GAPS_MAX + 2);
  expect(reach.gaps).toHaveLength(GAPS_MAX);
  expect(reach.gaps[0]).toEqual([31, 34]);
  expect(reach.fromSeq).toBe(25);
  expect(many(shown, GAPS_MAX + 2)).toMatchObject({ fromSeq: 1, openedSeq: (GAPS_MAX + 2) * 10 + 5 });
});
