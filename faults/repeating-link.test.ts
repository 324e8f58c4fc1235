import { expect, test } from "bun:test";
import { Random } from "./random.ts";
import { Repeats } from "./repeating-link.ts";

test("events come again in their order, the newest one too, and nothing else does", () => {
  const repeats = new Repeats(new Random(7));
  const newest: string[] = [];
  let repeated = 0;
  for (let seq = 1; seq <= 2_000; seq++) {
    expect(repeats.after('{"type":115,"data":{}}')).toEqual([]);
    const frame = `{"type":4,"stream":"room:2","seq":${seq},"data":{}}`;
    newest.push(frame);
    const again = repeats.after(frame);
    if (again.length === 0) continue;
    expect(again).toEqual(newest.slice(-again.length));
    repeated += 1;
  }
  expect(repeated).toBeGreaterThan(50);
});
