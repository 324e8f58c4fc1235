import { expect, test } from "bun:test";
import { createLogger } from "../ops/logger.ts";
import { OutageLog } from "./outage-log.ts";

test("BUS-5 each outage is said once, also one with the same reason as the one before", () => {
  const said: string[] = [];
  const sink = { write: (line: string) => void said.push((JSON.parse(line) as { msg: string }).msg) };
  const log = new OutageLog({ service: "Redis", logger: createLogger({ level: "info", sink }), uptime: () => 0 });
  for (let n = 0; n < 2; n++) {
    log.works();
    log.isAway("it has ended");
    log.isAway("it has ended");
  }
  expect(said.map((line) => line.split(";")[0])).toEqual([
    "the bus works",
    "the bus does not work",
    "the bus works",
    "the bus does not work",
  ]);
});
