import { expect, test } from "bun:test";
import { ProblemError } from "./lib/problem.ts";
import { SHARED_RATES } from "./limits/limits.ts";
import type { RateQuestion, WorkerAsks } from "./processes/messages.ts";
import { countingTogether } from "./worker-rates.ts";

/** A supervisor that answers everything too late. @param value what it answers then */
function lateBy(value: unknown) {
  const asked: RateQuestion["act"][] = [];
  const late: (() => void)[] = [];
  const ask = async (question: WorkerAsks, onLate: (value: unknown) => void = () => {}) => {
    asked.push((question as { count: RateQuestion }).count.act);
    late.push(() => onLate(value));
    throw new ProblemError("overloaded");
  };
  const counted = countingTogether({ ask }).shared("signIns", { row: SHARED_RATES.signIns, onFull: () => {} });
  const answerAll = () => {
    for (const answer of late.splice(0)) answer();
  };
  return { asked, counted, answerAll };
}

test.each([
  ["take", undefined, ["take", "giveBack"]],
  ["tryTake", true, ["tryTake", "giveBack"]],
  ["tryTake", false, ["tryTake"]],
  ["check", undefined, ["check"]],
  ["giveBack", undefined, ["giveBack"]],
  ["reset", undefined, ["reset"]],
] as const)("PROC-9: of %s, answered too late by %p, nothing stays counted", async (act, value, asks) => {
  const { asked, counted, answerAll } = lateBy(value);
  expect(await Promise.resolve(counted[act]("x")).catch((error: ProblemError) => error.code)).toBe("overloaded");
  expect(asked).toEqual([act]);
  answerAll();
  expect(asked).toEqual([...asks]);
});
