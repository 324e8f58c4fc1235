import { expect, test } from "bun:test";
import { createLogger, type LogLevel, requestLog } from "./logger.ts";

function recording(level: LogLevel = "info") {
  const lines: string[] = [];
  return { lines, logger: createLogger({ level, sink: { write: (line) => void lines.push(line) } }) };
}

test("lines are JSON with a readable level and time", () => {
  const { lines, logger } = recording();
  logger.info({ rooms: 3 }, "ready");
  expect(JSON.parse(lines[0] ?? "")).toEqual({
    level: "info",
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    rooms: 3,
    msg: "ready",
  });
});

test("secrets are hidden at the top and one level down", () => {
  const { lines, logger } = recording();
  for (const field of ["token", "password", "secret", "authorization", "cookie", "query"]) {
    logger.info({ [field]: "HUSH", a: { [field]: "HUSH" } });
  }
  logger.child({ token: "HUSH" }).info("child");
  expect(lines).toHaveLength(7);
  expect(lines.join("")).not.toContain("HUSH");
});

test("an error is logged with its cause", () => {
  const { lines, logger } = recording();
  logger.error({ err: new Error("outer", { cause: new Error("inner") }) }, "failed");
  expect(lines[0]).toContain("outer");
  expect(lines[0]).toContain("inner");
});

test.each([
  ["/api/v1/rooms", 200, ["info"]],
  ["/api/v1/rooms", 404, ["info"]],
  ["/api/v1/rooms", 500, ["error"]],
  ["/api/v1/rooms", 502, ["error"]],
  ["/api/v1/rooms", 503, ["info"]],
  ["/healthz", 200, []],
  ["/readyz", 503, []],
])("the line of a request: %s %d", (path, status, levels) => {
  const { lines, logger } = recording();
  requestLog(logger)({
    requestId: "r",
    method: "GET",
    path,
    status,
    ms: 1,
    ip: "192.0.2.1",
    uid: undefined,
    loginId: undefined,
    key: undefined,
  });
  expect(lines.map((line) => JSON.parse(line).level)).toEqual(levels);
});

test("silent is silent", () => {
  const { lines, logger } = recording("silent");
  logger.fatal("nothing");
  expect(lines).toEqual([]);
});

test("PROC-8: where several processes write to one output, each line has the pid of its own, that of a request too", async () => {
  const script = `
    const { flushed, processLogger, requestLog } = await import(${JSON.stringify(`${import.meta.dir}/logger.ts`)});
    const logger = processLogger("info", { isShared: process.argv.includes("shared") });
    logger.info("a word");
    requestLog(logger)({ path: "/", status: 200 });
    void flushed(logger).then(() => process.exit(0));`;
  for (const how of ["shared", "alone"]) {
    const child = Bun.spawn([process.execPath, "-e", script, how], { stdout: "pipe", stderr: "inherit" });
    const lines = (await new Response(child.stdout).text()).trim().split("\n");
    const expected = how === "shared" ? child.pid : undefined;
    expect(lines.map((line) => JSON.parse(line).process)).toEqual([expected, expected]);
  }
});

test("HTTP-42: what was logged before an end that the process chooses is on the standard output", async () => {
  const script = `
    const { flushed, processLogger } = await import(${JSON.stringify(`${import.meta.dir}/logger.ts`)});
    const logger = processLogger("info");
    for (let word = 1; word <= 500; word++) logger.info({ word }, "the last words");
    void flushed(logger).then(() => process.exit(3));`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const words = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).word);
  expect([words, err, await child.exited]).toEqual([Array.from({ length: 500 }, (_, at) => at + 1), "", 3]);
});
