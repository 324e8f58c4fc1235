import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../../server/test/needs.ts";

const node = needs("node");
const npm = needs("npm");
const PACKAGES = join(import.meta.dir, "../..");
const SLOW_MS = 60_000;
const PROGRAM = `
import { createClient, ParleyError } from "@parley/client";
const client = createClient({ url: "http://127.0.0.1:9", token: "t" });
console.log(client.state.kind, new ParleyError(429).canRetry);
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
    // What `prepack` does.
    const build = join(PACKAGES, "client/build.ts");
    install("client", (copy) => void run([process.execPath, build, join(copy, "dist")], PACKAGES));
  }, SLOW_MS);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("SDK-50: Node imports it by its name", () => {
    expect(run([node ?? "", "program.mjs"], folder)).toBe("stopped true\n");
  });

  test("SDK-50: every file that its package.json names is there, and is built before it is packed", () => {
    const { exports, scripts } = JSON.parse(readFileSync(join(scope, "client/package.json"), "utf8"));
    for (const path of Object.values(exports["."]))
      expect(existsSync(join(scope, "client", path as string))).toBe(true);
    expect(existsSync(join(scope, "client/dist/heartbeat-worker.js"))).toBe(true);
    expect(scripts.prepack).toBe(scripts.build);
  });

  test(
    "SDK-50: Bun takes its sources, with the protocol's and without any schema library",
    () => {
      install("protocol");
      expect(run([process.execPath, "--no-install", "program.mjs"], folder)).toBe("stopped true\n");
      // The project has none: whatever needs it fails.
      expect(() => run([process.execPath, "--no-install", "-e", 'await import("@parley/protocol")'], folder)).toThrow(
        "zod",
      );
    },
    SLOW_MS,
  );
});
