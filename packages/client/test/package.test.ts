import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestServer } from "../../server/test/harness.ts";
import { needs } from "../../server/test/needs.ts";
import { openDoor } from "../../server/test/server-door.ts";
import { missingIn } from "../build-types.ts";

const node = needs("node");
const npm = needs("npm");
const PACKAGES = join(import.meta.dir, "../..");
const SLOW_MS = 60_000;
const COMPILER = join(PACKAGES, "../node_modules/typescript/bin/tsc");
const PROGRAM = `
import { createClient, ParleyError } from "@parley/client";
const client = createClient({ url: "http://127.0.0.1:9", token: "t" });
console.log(client.state.kind, new ParleyError(429).canRetry);
`;

const STORE_PROGRAM = `
import { createClient } from "@parley/client";
import { createStore } from "@parley/client/store";
const store = createStore(createClient({ url: "http://127.0.0.1:9", token: "t" }));
console.log(store.state.getSnapshot(), store.rooms.getSnapshot().length);
`;

const STORE_TYPED = `
import { createClient } from "@parley/client";
import { createStore, type View } from "@parley/client/store";
const store = createStore(createClient({ url: "http://127.0.0.1:9", token: "t" }), { messagesKept: 100 });
const shown = <T,>(view: View<T>): T => view.getSnapshot();
store.messages(7).subscribe(() => console.log(shown(store.messages(7)).items.map(({ message }) => message.seq + 1)));
for (const { name, unread } of shown(store.rooms)) console.log(name.length + unread);
`;

const SERVER_PROGRAM = `
import { createServerClient, ParleyError } from "@parley/client/server";
const [url, key] = process.argv.slice(2);
const parley = createServerClient({ url, key });
await parley.putUser("42", { name: "Ada" });
await parley.putRoom("order-7");
await parley.changeMembers("order-7", { add: ["42"] });
const { message } = await parley.send({ room: "order-7", from: "42", type: 1, body: { content: "hello" } });
const { items } = await parley.sendAll([{ room: "order-7", type: 1, body: { content: "thanks" } }]);
console.log(message.body.content, items[0].status);
const error = await parley.getUser("nobody").catch((error) => error);
console.log(error instanceof ParleyError, error.status, error.code);
`;

const SERVER_TYPED = `
import { createServerClient } from "@parley/client/server";
const parley = createServerClient({ url: "http://127.0.0.1:9", key: "ps_x" });
const { uid } = await parley.putUser("42", { name: "Ada" });
const { message } = await parley.send({ direct: ["42", uid], type: 100, body: { kind: "a", text: "b", data: [1] } });
const { items } = await parley.sendAll([{ room: 7, type: 1, body: { content: "x" } }]);
for (const { status, body } of items) if ("message" in body) console.log(status + message.seq + body.message.seq);
`;

const TYPED = `
import { type ClientState, createClient, MarkType, MessageType } from "@parley/client";
const client = createClient({ url: "http://127.0.0.1:9", token: "t" });
client.on("message", ({ message }) => {
  if (message.type === 1) console.log(message.body.content.length, message.seq + 1);
  else if (message.type === MessageType.custom) console.log(message.body.kind.length);
  else console.log(message.body.length);
});
client.on("event", (event) => {
  if (event.name === "recall") console.log(event.data.msgId + 1, event.seq);
  if (event.name === "mark") for (const mark of event.data.markList) console.log(mark.markType === MarkType.like, MessageType.text);
});
client.on("state", (state: ClientState) => console.log(state.kind));
const { items } = await client.request("GET /rooms/{id}/messages", { path: { id: 2 }, query: { limit: 5 } });
for (const { message } of items) console.log(message.seq + 1);
`;

describe.skipIf(!node || !npm)("the package as it is published, in a project that has nothing else", () => {
  const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
  const scope = join(folder, "node_modules/@parley");

  function run(command: string[], cwd: string): string {
    const { PATH = "" } = process.env;
    const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd, env: { PATH, HOME: folder } });
    if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}: ${stdout}${stderr}`);
    return stdout.toString();
  }

  /** Packs a copy, so that nothing is written into the checkout. */
  function install(name: string, prepare: (copy: string) => void = () => {}): void {
    const copy = join(folder, "copies", name);
    cpSync(join(PACKAGES, name), copy, { recursive: true, filter: (path) => !/node_modules|\/dist$/.test(path) });
    prepare(copy);
    const [{ filename }] = JSON.parse(run([npm ?? "", "pack", "--offline", "--json", "--ignore-scripts"], copy));
    mkdirSync(join(scope, name), { recursive: true });
    run(["tar", "-xzf", join(copy, filename), "-C", join(scope, name), "--strip-components=1"], folder);
  }

  beforeAll(() => {
    writeFileSync(join(folder, "program.mjs"), PROGRAM);
    // This is what `prepack` does.
    const build = join(PACKAGES, "client/build.ts");
    install("client", (copy) => void run([process.execPath, build, join(copy, "dist")], PACKAGES));
  }, SLOW_MS);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("SDK-50: Node imports it by its name", () => {
    expect(run([node ?? "", "program.mjs"], folder)).toBe("stopped true\n");
  });

  test("SDK-113: Node and Bun require all of it by their names", () => {
    const names = ["@parley/client", "@parley/client/calls", "@parley/client/store", "@parley/client/server"];
    const text = `console.log([${names.map((name) => `require("${name}")`)}].map((one) => Object.keys(one).filter((key) => /^create|^(contacts|notifications)Of$/.test(key))).join());`;
    writeFileSync(join(folder, "program.cjs"), text);
    for (const runtime of [[node ?? ""], [process.execPath, "--no-install"]]) {
      expect(run([...runtime, "program.cjs"], folder)).toBe(
        "createClient,contactsOf,notificationsOf,createStore,createServerClient\n",
      );
    }
  });

  test("SDK-114: what Node prints of a mistake is short and names it", () => {
    const mistakes: Record<string, string> = {
      "wrong.mjs": PROGRAM.replace("token", "tokn"),
      "wrong.cjs": 'require("@parley/client").createClient({ url: "http://127.0.0.1:9", tokn: "t" });',
    };
    for (const [name, text] of Object.entries(mistakes)) {
      writeFileSync(join(folder, name), text);
      const { exitCode, stderr } = Bun.spawnSync([node ?? "", name], { cwd: folder });
      expect(exitCode).toBe(1);
      expect(stderr.toString()).toContain("did you mean token?");
      expect(stderr.length).toBeLessThan(2_000);
    }
  });

  test("SDK-114: declarations import nothing that is not in the package", async () => {
    for (const types of ["dist/types", "dist/cjs/types"]) {
      const texts = new Map<string, string>();
      for await (const name of new Bun.Glob("**/*.d.ts").scan(join(scope, "client", types)))
        texts.set(name, await Bun.file(join(scope, "client", types, name)).text());
      expect(texts.size).toBeGreaterThan(50);
      expect(missingIn(texts)).toEqual([]);
      texts.delete("protocol/src/events.d.ts");
      expect(missingIn(texts)).not.toEqual([]);
    }
  });

  test("STO-9: Node and Bun import the store by its name", () => {
    writeFileSync(join(folder, "store.mjs"), STORE_PROGRAM);
    for (const runtime of [[node ?? ""], [process.execPath, "--no-install"]]) {
      expect(run([...runtime, "store.mjs"], folder)).toBe("loading 0\n");
    }
  });

  test("SDK-50: every file that its package.json names is there, and is built before it is packed", () => {
    const { exports, main, types, typesVersions, scripts } = JSON.parse(
      readFileSync(join(scope, "client/package.json"), "utf8"),
    );
    const paths = (named: string | object): string[] =>
      typeof named === "string" ? [named] : Object.values(named).flatMap(paths);
    for (const path of [...paths(exports), main, types, ...paths(typesVersions)])
      expect(existsSync(join(scope, "client", path as string))).toBe(true);
    expect(existsSync(join(scope, "client/dist/heartbeat-worker.js"))).toBe(true);
    expect(scripts.prepack).toBe(scripts.build);
  });

  test("SDK-50: so does Bun, and nothing is installed with it", () => {
    expect(run([process.execPath, "--no-install", "program.mjs"], folder)).toBe("stopped true\n");
    const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(scope, "client/package.json"), "utf8"));
    expect([dependencies, peerDependencies]).toEqual([undefined, undefined]);
  });

  test(
    "SDK-90: Node and Bun import the caller for a backend by its name, and it does its work",
    async () => {
      const server = await TestServer.start();
      try {
        const { key } = await openDoor(server, "shop");
        writeFileSync(join(folder, "backend.mjs"), SERVER_PROGRAM);
        for (const runtime of [[node ?? ""], [process.execPath, "--no-install"]]) {
          const program = Bun.spawn([...runtime, "backend.mjs", server.url, key], { cwd: folder, stdout: "pipe" });
          expect(await new Response(program.stdout).text()).toBe("hello 201\ntrue 404 not_found\n");
          expect(await program.exited).toBe(0);
        }
      } finally {
        await server.stop();
      }
    },
    SLOW_MS,
  );

  test(
    "SDK-50: its types are there, alone",
    () => {
      const check = (name: string, text: string, module = ["nodenext"]): string => {
        writeFileSync(join(folder, name), text);
        const options = ["--strict", "--noEmit", "--target", "esnext", "--module", ...module, "--types", ""];
        const { stdout } = Bun.spawnSync([process.execPath, COMPILER, ...options, name], { cwd: folder });
        return stdout.toString();
      };
      expect(check("right.mts", TYPED)).toBe("");
      for (const module of [["nodenext"], ["commonjs"]]) {
        const inFunction = (text: string) => {
          const [imports, ...rest] = text.trim().split("\n");
          return `${imports}\nexport async function run() {\n${rest.join("\n")}\n}\n`;
        };
        for (const text of [TYPED, SERVER_TYPED]) expect(check("right.cts", inFunction(text), module)).toBe("");
      }
      expect(check("backend.mts", SERVER_TYPED)).toBe("");
      expect(check("store.mts", STORE_TYPED)).toBe("");
      expect(check("wrong-backend.mts", SERVER_TYPED.replace('kind: "a"', "kind: 1"))).toContain("wrong-backend.mts");
      const wrong = (from: string, to: string) => check("wrong.mts", TYPED.replace(from, to));
      expect(wrong(', token: "t"', "")).toContain("is not assignable");
      expect(wrong('"state"', '"message_update"')).toContain("message_update");
      expect(wrong("message.body.content", "message.body.kind")).toContain("Property 'kind' does not exist");
      expect(wrong("event.data.msgId", "event.data.messageId")).toContain("Property 'messageId' does not exist");
      expect(check("wrong.mts", TYPED.replaceAll("message.seq", "message.sequence"))).toMatch(
        /^wrong\.mts.*Property 'sequence' does not exist.*\n.*wrong\.mts.*Property 'sequence' does not exist/,
      );
    },
    3 * SLOW_MS,
  );
});
