import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { withDeadline } from "../src/lib/interval.ts";
import { lastingPort } from "./free-port.ts";
import { needs } from "./needs.ts";

/** Tests the Dockerfile without Docker: what it copies exists, and what it runs works in a separate folder, as an ordinary user. */
const ROOT = resolve(import.meta.dir, "../../..");

interface Instruction {
  readonly name: string;
  readonly text: string;
}

const stages: Instruction[][] = [];
for (const line of readFileSync(join(ROOT, "Dockerfile"), "utf8").split("\n")) {
  const [, name = "", text = ""] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
  if (name === "FROM") stages.push([]);
  if (name !== "") stages.at(-1)?.push({ name, text });
}
const [build = [], image = []] = stages;
const of = (stage: Instruction[], name: string) => stage.filter((one) => one.name === name).map(({ text }) => text);

/** The words in brackets: a program and its arguments. */
const words = (text = "[]") => JSON.parse(/\[.*\]/.exec(text)?.[0] ?? "[]") as string[];
const env = Object.fromEntries(of(image, "ENV").flatMap((text) => text.split(" ").map((one) => one.split("=")))) as {
  [name: string]: string;
};

describe("DKR-1: the Dockerfile", () => {
  test("has two stages, of which the last one has no more than it needs and is an ordinary user's", () => {
    expect(stages).toHaveLength(2);
    expect(of(build, "FROM")).toEqual([expect.stringMatching(/ AS build$/)]);
    expect(of(image, "COPY")).toEqual(["--from=build /app /app"]);
    const uid = Number(of(image, "USER").at(-1));
    expect(uid).toBeGreaterThan(0);
    expect(of(image, "RUN").join()).toContain(`--uid ${uid} `);
    expect(of(image, "VOLUME")).toEqual([env.DATA_DIR as string]);
    expect(of(image, "EXPOSE")).toEqual([env.PORT as string]);
    expect(words(of(image, "HEALTHCHECK")[0])).not.toEqual([]);
  });

  test("copies what is there, and .dockerignore keeps it", () => {
    const kept = readFileSync(join(ROOT, ".dockerignore"), "utf8").split("\n");
    const sources = of(build, "COPY").flatMap((text) => text.split(" ").slice(0, -1));
    expect(sources.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(sources.filter((path) => !kept.includes(`!${path.split("/")[0]}`))).toEqual([]);
  });
});

const setpriv = needs("setpriv");
const isRoot = process.getuid?.() === 0;

describe.skipIf(!setpriv || !isRoot)("DKR-1: the image", () => {
  const dir = mkdtempSync(join(tmpdir(), "parley-image-"));
  const app = join(dir, "app");
  const data = join(dir, "data");
  const uid = Number(of(image, "USER").at(-1));
  let port = 0;
  beforeAll(async () => {
    chmodSync(dir, 0o755);
    mkdirSync(app);
    mkdirSync(data, { mode: 0o700 });
    chownSync(data, uid, uid);
    port = lastingPort();
    for (const { name, text } of build) {
      if (name === "COPY") copy(text);
      if (name === "RUN") await run(text);
    }
  }, 300_000);
  const running: Bun.Subprocess[] = [];
  afterAll(async () => {
    for (const one of running) {
      one.kill("SIGKILL");
      await one.exited;
    }
    rmSync(dir, { recursive: true, force: true });
  });

  function copy(text: string): void {
    const paths = text.split(" ");
    const target = paths.pop() as string;
    for (const path of paths) {
      const to = target.endsWith("/") ? join(app, target, basename(path)) : join(app, target);
      cpSync(join(ROOT, path), to, {
        recursive: true,
        filter: (from) => !/\/(node_modules|dist|test)(\/|$)|\.test\.ts$/.test(from.slice(ROOT.length)),
      });
    }
  }

  async function run(command: string): Promise<void> {
    const PATH = process.env.PATH ?? "";
    const child = Bun.spawn(["sh", "-c", command], {
      cwd: app,
      env: { PATH, HOME: process.env.HOME ?? dir, npm_config_prefer_offline: "true" },
      stdout: "ignore",
      stderr: "inherit",
    });
    expect([command, await child.exited]).toEqual([command, 0]);
  }

  /** Runs it as the image's user would, with the image's settings, except for paths that have to be this machine's. */
  function started(args: readonly string[]) {
    const user = [setpriv as string, `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
    return Bun.spawn([...user, ...args], {
      cwd: app,
      env: { ...env, PATH: "/usr/bin:/bin", DATA_DIR: data, PORT: `${port}`, HOST: "127.0.0.1" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
  }
  const healthy = () => started(words(of(image, "HEALTHCHECK")[0])).exited;

  test("starts as an ordinary user, is healthy while it answers, and stops when it is told to", async () => {
    expect(await healthy()).toBe(1);
    const server = started([...words(of(image, "ENTRYPOINT")[0]), ...words(of(image, "CMD")[0])]);
    running.push(server);
    const reader = server.stdout.getReader();
    let text = "";
    while (!text.includes("is ready")) {
      const { done, value } = await withDeadline(reader.read(), 30_000, "it was not ready");
      if (done) break;
      text += new TextDecoder().decode(value);
    }
    expect(text).toContain(`(data in ${data})`);
    expect(text).not.toContain("this runs as root");
    expect(await healthy()).toBe(0);
    // The page and the client's script are built when they are first asked for.
    for (const path of ["/", "/parley-client.js", "/docs", "/openapi.json"]) {
      expect([path, (await fetch(`http://127.0.0.1:${port}${path}`)).status]).toEqual([path, 200]);
    }
    const add = started([...words(of(image, "ENTRYPOINT")[0]), "user", "add", "root", "--admin"]);
    expect(await add.exited).toBe(0);
    server.kill("SIGTERM");
    expect(await server.exited).toBe(0);
    expect(await healthy()).toBe(1);
  }, 120_000);
});
