import { expect, test } from "bun:test";
import { ConfigError } from "../config/config.ts";
import { DatabaseMissing } from "../db/database-missing.ts";
import { MigrationRefused } from "../db/migrate.ts";
import { DataDirUnusable } from "../db/sqlite/data-dir.ts";
import { DataDirLocked } from "../db/sqlite/lock.ts";
import { ListenFailed } from "../listen-failed.ts";
import { WorkerFailed } from "../processes/workers.ts";
import { CommandFailed, UsageError } from "./command.ts";
import { explained } from "./explained.ts";

test.each([CommandFailed, DataDirLocked, DataDirUnusable, DatabaseMissing, MigrationRefused, WorkerFailed])(
  "%p is said by its sentence alone",
  (kind) => {
    expect(explained(new kind("What to do."))).toBe("What to do.");
  },
);

test("a port that cannot be had is explained", () => {
  expect(explained(Object.create(ListenFailed.prototype, { message: { value: "in use" } }))).toBe("in use");
});

test("nothing else is: a fault of ours keeps its stack, wrong settings and calls have words of their own", () => {
  const looksLikeOne = Object.assign(new Error("x"), { name: "CommandFailed" });
  for (const error of [new Error("x"), new TypeError("x"), looksLikeOne, new ConfigError(["x"]), new UsageError("x")]) {
    expect(explained(error)).toBeUndefined();
  }
  for (const thrown of [undefined, null, "x", { message: "x" }]) expect(explained(thrown)).toBeUndefined();
});
