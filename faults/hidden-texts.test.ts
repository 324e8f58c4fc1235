import { expect, test } from "bun:test";
import { type HiddenShown, HiddenTexts } from "./hidden-texts.ts";
import { WireRecord } from "./wire-record.ts";

/** What the wire notes of texts whose author was banned at 100. */
function noted(
  come: (frame: (askedAt: number, text: string) => void, hidden: HiddenTexts) => void,
): readonly HiddenShown[] {
  const hidden = new HiddenTexts();
  const wire = new WireRecord(new Map(), hidden);
  let seq = 0;
  hidden.set("by-guest-7", 100);
  come((askedAt, text) => {
    const connection = wire.open("sse", { resumes: true, askedAt });
    wire.frame(connection, `{"type":4,"stream":"room:1","seq":${++seq},"data":{"content":"${text}"}}`);
  }, hidden);
  return hidden.shown;
}

test("a text on a connection that was begun after the ban is noted", () => {
  expect(noted((frame) => frame(101, "by-guest-7 a"))).toEqual([
    { text: "by-guest-7", from: 100, askedAt: 101, node: 0 },
  ]);
});

test("on an older connection, by others, and when the ban ends it may come", () => {
  const found = noted((frame, hidden) => {
    frame(99, "by-guest-7 a");
    frame(101, "by-guest-8 a");
    hidden.set("by-guest-7", undefined);
    frame(101, "by-guest-7 a");
  });
  expect(found).toEqual([]);
});
