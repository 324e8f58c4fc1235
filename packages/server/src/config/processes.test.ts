import { expect, test } from "bun:test";
import { availableParallelism } from "node:os";
import { processes } from "./parse.ts";

test("PROC-12: auto is one for each core on Linux, and one elsewhere", () => {
  expect(processes("linux")("auto")).toEqual({ ok: true, value: Math.min(64, availableParallelism()) });
  expect(processes("linux")("AUTO")).toEqual({ ok: true, value: Math.min(64, availableParallelism()) });
  expect(processes("darwin")("auto")).toEqual({ ok: true, value: 1 });
});

test("PROC-12: more than one is refused where the system does not spread a port's connections", () => {
  expect(processes("linux")("2")).toEqual({ ok: true, value: 2 });
  expect(processes("darwin")("1")).toEqual({ ok: true, value: 1 });
  const wanted = "1: several processes can share a port only on Linux";
  expect(processes("darwin")("2")).toEqual({ ok: false, wanted });
  expect(processes("win32")("64")).toEqual({ ok: false, wanted });
});
