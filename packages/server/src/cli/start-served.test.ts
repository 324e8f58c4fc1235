import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { PostgresUnusable } from "../db/postgres/faults.ts";
import { createLogger } from "../ops/logger.ts";
import { WorkerFailed } from "../processes/workers.ts";
import { type Served, startedAtLast } from "./start-served.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** Starts that fail by these, one after another, and then one that succeeds. */
function starts(...faults: Error[]) {
  const lines: string[] = [];
  const logger = createLogger({ level: "info", sink: { write: (line) => void lines.push(line) } });
  const { promise: stopAsked, resolve: askStop } = Promise.withResolvers<string>();
  let tries = 0;
  const create = (): Served => ({
    start: async () => {
      tries += 1;
      const fault = faults.shift();
      if (fault) throw fault;
      return { url: "http://here" };
    },
    stop: async () => {},
  });
  let outcome: unknown = "it goes on";
  const settle = (how: unknown) => {
    outcome = how;
  };
  startedAtLast(create, { logger, stopAsked }).then(settle, settle);
  const passed = async (ms: number) => {
    for (let at = 0; at < ms; at += 100) {
      jest.advanceTimersByTime(100);
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    }
  };
  return {
    lines,
    askStop,
    passed,
    get tries() {
      return tries;
    },
    get outcome() {
      return outcome;
    },
  };
}

const away = () => new PostgresUnusable("PostgreSQL at here cannot be reached.");

test("PROC-12: a server that has to begin anew tries it for as long as the database cannot be used, and says so once for each reason", async () => {
  const run = starts(away(), away(), away(), new WorkerFailed("Worker 2 ended"), new WorkerFailed("Worker 2 ended"));
  await run.passed(4900);
  expect([run.tries, run.outcome]).toEqual([5, "it goes on"]);
  await run.passed(200);
  expect(run.outcome).toMatchObject({ url: "http://here" });
  expect(run.lines.map((line) => JSON.parse(line).fault)).toEqual([
    "PostgreSQL at here cannot be reached.",
    "Worker 2 ended",
  ]);
});

test("PROC-12: what is a fault of ours ends it", async () => {
  const run = starts(away(), new TypeError("a bug"));
  await run.passed(1200);
  expect(run.outcome).toBeInstanceOf(TypeError);
});

test("DR-7: a signal ends the waiting", async () => {
  const run = starts(...Array.from({ length: 9 }, away));
  await run.passed(1200);
  run.askStop("SIGTERM");
  await run.passed(100);
  expect([run.outcome, run.tries]).toEqual([undefined, 2]);
});
