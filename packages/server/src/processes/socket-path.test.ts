import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { socketPlace } from "./socket-path.ts";

test("the socket is in the data folder, and what was left there is removed", () => {
  const dir = mkdtempSync(join(tmpdir(), "parley-"));
  try {
    writeFileSync(join(dir, "parley.sock"), "");
    const { path, remove } = socketPlace(dir);
    expect(path).toBe(join(dir, "parley.sock"));
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, "");
    remove();
    expect(existsSync(path)).toBe(false);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("where the path is too long for a socket it is in a folder of this user's own", () => {
  const fits = `/${"x".repeat(107 - "/parley.sock".length - 1)}`;
  expect(socketPlace(fits).path).toBe(`${fits}/parley.sock`);
  const { path, remove } = socketPlace(`${fits}x`);
  expect(path.startsWith(tmpdir())).toBe(true);
  expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
  remove();
  expect(existsSync(dirname(path))).toBe(false);
});
