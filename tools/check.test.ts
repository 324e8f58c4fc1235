import { expect, test } from "bun:test";
import { clockCheck, conflictCheck, environmentCheck } from "./banned-names.ts";
import { databaseTests, ONCE, otherTests } from "./database-tests.ts";
import { fileSizeCheck, longFiles } from "./file-size.ts";
import { folderCommentsCheck } from "./folder-comments.ts";
import { cyclesCheck } from "./import-cycles.ts";
import { directionCheck } from "./import-direction.ts";
import { problemsOfDocument, problemsOfSource } from "./plain-english.ts";
import { procedureTableCheck } from "./procedure-table.ts";
import { routeWritesCheck } from "./route-writes.ts";
import { importsOf, readSources, source } from "./sources.ts";
import { namedInTests, rulesOf, unknownRules } from "./spec-rules.ts";

const server = (path: string, text: string) => source(`packages/server/src/${path}`, text);
const importing = (...paths: string[]) => paths.map((path) => `import { x } from "${path}";\n`).join("");

test("the sources are found, and those of others are not", async () => {
  const paths = (await readSources()).map(({ path }) => path);
  for (const path of ["tools/sources.ts", "packages/protocol/src/index.ts", "packages/server/src/writes.ts"]) {
    expect(paths).toContain(path);
  }
  expect(paths.filter((path) => path.includes("node_modules"))).toEqual([]);
});

test("it is known which tests have a database, however they get it; each exception is one of them", async () => {
  const sources = await readSources();
  const [here, others] = [databaseTests(sources), otherTests(sources)];
  // By a server, by a fixture of rooms, by a process.
  for (const path of ["test/blocks.test.ts", "src/rooms/room-writes.test.ts", "test/kill.test.ts"])
    expect(here).toContain(`packages/server/${path}`);
  for (const path of ["src/lib/interval.test.ts", "src/db/sqlite/data-dir.test.ts", "test/web-page.test.ts"])
    expect(others).toContain(`packages/server/${path}`);
  for (const pattern of Object.keys(ONCE)) {
    expect([pattern, here.length + others.length, others.some((path) => new Bun.Glob(pattern).match(path))]).toEqual([
      pattern,
      sources.filter(({ path }) => path.endsWith(".test.ts")).length,
      true,
    ]);
  }
});

test("imports are found in all their forms, but not in comments", () => {
  const text = `
    import a from "./a.ts";
    import type { B } from "./b.ts";
    import {
      c,
    } from "../c/c.ts";
    import "./d.css";
    export * from "./e.ts";
    const { f } = await import("./f.ts");
    // import g from "./g.ts";
    /* import h from "./h.ts"; */
    import z from "zod";`;
  const found = importsOf(server("x/x.ts", text)).map(({ specifier }) => specifier);
  expect(found.sort()).toEqual(["../c/c.ts", "./a.ts", "./b.ts", "./d.css", "./e.ts", "./f.ts", "zod"]);
});

test.each([
  ["rooms/rooms.ts", "../identity/account-actions.ts", true],
  ["rooms/rooms.ts", "../http/errors.ts", true],
  ["rooms/rooms.ts", "./rights.ts", true],
  ["contacts/friends.ts", "../uploads/uploads.ts", true],
  ["rooms/rooms.ts", "../messages/send.ts", false],
  ["rooms/rooms.ts", "../gateway/hub.ts", false],
  ["http/app.ts", "../identity/account-actions.ts", false],
  ["gateway/hub.ts", "../event-log/outbox.ts", true],
  ["gateway/hub.ts", "../http/errors.ts", true],
  ["gateway/hub.ts", "../rooms/rooms.ts", false],
  ["gateway/sse/sse.ts", "../hub.ts", true],
  ["gateway/sse/sse.ts", "./sse-wire.ts", true],
  ["gateway/sse/sse.ts", "../../rooms/rooms.ts", false],
  ["gateway/sse/sse.ts", "../poll/polls.ts", false],
  ["gateway/hub.ts", "./websocket/websocket.ts", false],
  ["gateway-graph.ts", "./gateway/sse/sse.ts", true],
  ["gateway/hub.ts", "../../test/raw-http.ts", false],
  ["lib/ids.ts", "../config/config.ts", false],
  ["db/open.ts", "../event-log/tail.ts", false],
  ["server.ts", "./gateway/hub.ts", true],
  ["cli/serve.ts", "../server.ts", true],
  ["server.ts", "./cli/serve.ts", false],
  ["rooms/rooms.ts", "../server.ts", false],
  ["strange/x.ts", "../lib/ids.ts", false],
  ["rooms/rooms.ts", "../strange/x.ts", false],
  ["rooms/rooms.ts", "@parley/protocol", true],
  ["rooms/rooms.ts", "@parley/client", false],
  ["rooms/rooms.ts", "../../../protocol/src/ids.ts", false],
  ["rooms/rooms.test.ts", "../messages/send.ts", true],
])("%s may import %s: %p", (from, to, allowed) => {
  expect(directionCheck([server(from, importing(to))])).toHaveLength(allowed ? 0 : 1);
});

test.each([
  ["client.ts", "./connection/connector.ts", true],
  ["connection/transports/poll.ts", "../../api/http.ts", true],
  ["connection/x.ts", "../reading/delivery.ts", true],
  ["connection/x.ts", "../sending/outgoing.ts", false],
  ["reading/x.ts", "../sending/outgoing.ts", false],
  ["api/x.ts", "../reading/reload.ts", false],
  ["lib/x.ts", "../options.ts", false],
  ["new-room/x.ts", "../lib/timers.ts", false],
  ["connection/x.ts", "../../test/x.ts", false],
])("in the client %s imports %s: %p", (from, to, allowed) => {
  const file = source(`packages/client/src/${from}`, importing(to));
  expect(directionCheck([file])).toHaveLength(allowed ? 0 : 1);
});

test("the protocol imports nothing of ours", () => {
  expect(directionCheck([source("packages/protocol/src/x.ts", importing("@parley/server"))])).toHaveLength(1);
});

test("circles are found, those of types included", () => {
  const a = server("rooms/a.ts", `${importing("./b.ts")}export const y = x;`);
  const b = server("rooms/b.ts", `${importing("./c.ts")}export const y = x;`);
  const c = (text: string) => server("rooms/c.ts", text);
  expect(cyclesCheck([a, b, c("")])).toEqual([]);
  const circle = ["a", "b", "c", "a"].map((name) => `packages/server/src/rooms/${name}.ts`).join(" → ");
  expect(cyclesCheck([a, b, c(importing("./a.ts"))])).toEqual([circle]);
  expect(cyclesCheck([a, b, c('import type { x } from "./a.ts";')])).toEqual([circle]);
});

test("files over 400 lines must be split, those over 300 are listed", () => {
  const lines = (count: number) => server("rooms/x.ts", "x\n".repeat(count));
  expect(fileSizeCheck([lines(400)])).toEqual([]);
  expect(fileSizeCheck([lines(401)])).toHaveLength(1);
  expect(longFiles([lines(300)])).toEqual([]);
  expect(longFiles([lines(301)])).toHaveLength(1);
});

test("time, chance and environment are used where they may be", () => {
  const time = "const a = Date.now();\nsetTimeout(() => {}, 1);\n// Math.random\nnew Date();\nnew Date(5);\n";
  expect(clockCheck([server("rooms/x.ts", time)])).toEqual([
    "packages/server/src/rooms/x.ts:1 uses Date.now",
    "packages/server/src/rooms/x.ts:2 uses setTimeout",
    "packages/server/src/rooms/x.ts:4 uses new Date()",
  ]);
  expect(clockCheck([server("lib/x.ts", time), server("rooms/x.test.ts", time)])).toEqual([]);
  expect(
    environmentCheck([server("rooms/x.ts", "process.env.X"), server("config/env.ts", "process.env")]),
  ).toHaveLength(1);
});

test("what happens to a row whose key is taken is written in db/ only", () => {
  const text =
    "x.onConflict((c) => c);\nsql`insert … ON CONFLICT do nothing`;\n// on conflict\ninsertRows({ conflict: {} });\n";
  expect(conflictCheck([server("rooms/x.ts", text)])).toEqual([
    "packages/server/src/rooms/x.ts:1 uses onConflict",
    "packages/server/src/rooms/x.ts:2 uses ON CONFLICT",
  ]);
  expect(conflictCheck([server("db/x.ts", text), server("rooms/x.test.ts", text)])).toEqual([]);
});

test("write procedures that are run stand in the table, each under its own name", () => {
  const table = server(
    "writes.ts",
    "export const procedures = {\n  sendAll: batch(sendAll),\n  add: single(add),\n};\n",
  );
  const running = (path: string, ...calls: string[]) => server(path, calls.map((call) => `${call};\n`).join(""));
  const known = running("rooms/a.ts", "writes.run(add, {})", "context.writes.run(procedures.sendAll, { x })");
  expect(procedureTableCheck([table, known])).toEqual([]);
  const unknown = running(
    "rooms/b.ts",
    "this.#parts.writes.runWhenIdle(\n  trim,\n  {})",
    "writes.run(procedures.gone, x)",
  );
  expect(procedureTableCheck([table, unknown])).toHaveLength(2);
  expect(procedureTableCheck([table, running("rooms/b.test.ts", "writes.run(gone, x)")])).toEqual([]);
  expect(procedureTableCheck([table, running("rooms/c.ts", "// writes.run(gone, x)")])).toEqual([]);
  expect(procedureTableCheck([server("writes.ts", "  add: single(addMore),\n")])).toHaveLength(1);
  expect(procedureTableCheck([known])).toHaveLength(1);
});

test("routes do not know the writer", () => {
  const bad = ["await context.writes.run(add, {});", "export function r({ writes }: P) {}", "parts.runWhenIdle(x, 1);"];
  for (const text of bad) expect(routeWritesCheck([server("rooms/rooms-routes.ts", text)])).toHaveLength(1);
  const fine =
    'import type { Changes } from "./room-writes.ts";\n// writes.run\nawait actions.add(context, actor, {});';
  expect(routeWritesCheck([server("rooms/rooms-routes.ts", fine)])).toEqual([]);
  expect(routeWritesCheck([server("rooms/rooms.ts", bad[0] as string)])).toEqual([]);
});

test("a room needs a file that says what it is for", () => {
  const comment = "/**\n * 1\n * 2\n * 3\n */\n";
  const said = (text: string) =>
    folderCommentsCheck([server("rooms/a.ts", ""), server("rooms/b.ts", text)]).length === 0;
  expect(said(comment)).toBe(true);
  expect(said(`${importing("./a.ts", "zod")}\n${comment}export const y = x;`)).toBe(true);
  expect(said(`export const y = 1;\n${comment}`)).toBe(false);
  expect(said("/** Short. */\n")).toBe(false);
});

test("comments, titles and documents have a full subject and verb, and say they", () => {
  const path = "docs/x.md";
  const fine = [
    "Those who leave get it.",
    "It reaches whoever asks.",
    "Who reads this? Everybody.",
    "The hall, this, other.",
  ];
  for (const text of fine) expect(problemsOfDocument({ path, text })).toEqual([]);
  const bad = [
    "Who leaves gets it.",
    "- **A1** Whoever asks, gets it.",
    "It is told. Whom it concerns hears it.",
    "It is his.",
  ];
  for (const text of bad) expect(problemsOfDocument({ path, text })).toHaveLength(1);
  expect(problemsOfDocument({ path, text: "One.\nHe or him:\n\nTwo." })).toHaveLength(2);
  expect(problemsOfDocument({ path, text: "One.\n\nTwo. Who leaves." })[0]).toStartWith(`${path}:3 `);

  const wrong = [
    "/** Who asks. */",
    "/**\n * It asks. Who\n * answers is told.\n */",
    "x(); // Who asks",
    'test("GW-9: who is signed in stays so", f);',
    'describe("whoever waits", f);',
    `test(\`TR-1: \${name}: who reads\`, f);`,
    '{ title: "who joins hears it" }',
    "const his = 1;",
  ];
  for (const text of wrong) expect(problemsOfSource(server("a.ts", text))).toHaveLength(1);
  const right = [
    'const label = "Who is here";',
    'test("a user who asks", f);',
    "/** Knows who asks. */",
    "theWho(Whose);",
  ];
  for (const text of right) expect(problemsOfSource(server("a.ts", text))).toEqual([]);
});

test("rules and the tests that name them", () => {
  const spec = "# Spec\n**A1** first\n- **A2.** second\n### B-10 third\nSee **A9** elsewhere\n| **C1** | fourth |\n";
  expect(rulesOf(spec)).toEqual(["A1", "A2", "B-10", "C1"]);
  expect(rulesOf(`${spec}- **A2** another`)).toEqual(["A1", "A2", "B-10", "C1", "A2"]);
  const reports = "| fault | rule | held by |\n|---|---|---|\n| UTF-8 | A1, A9 | `x/A-7.ts` |\n| a fault | – | C7 |\n";
  expect(unknownRules(reports, rulesOf(spec))).toEqual(["docs/reports.md names A9, which is not a rule"]);
  const tests = source(
    "packages/server/test/x.test.ts",
    'test("A1: x", f); describe(`A2, B-10: y`, f); test.each(t)("C1 %s", f); test("mentions A3", f);',
  );
  expect([...namedInTests([tests])]).toEqual(["A1", "A2", "B-10", "C1"]);
});
