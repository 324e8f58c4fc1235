import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withDeadline } from "../src/lib/interval.ts";
import { endLater } from "./left-running.ts";
import { needs } from "./needs.ts";

const LAUNCHER = new URL("../bin/parley.mjs", import.meta.url).pathname;
const MAIN = new URL("../src/main.ts", import.meta.url).pathname;
const nohup = needs("nohup");

let dir: string;
let env: Record<string, string>;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "parley-hang-up-"));
  env = { PATH: process.env.PATH ?? "", HOST: "127.0.0.1", PORT: "0", DATA_DIR: join(dir, "data"), LOG_LEVEL: "info" };
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Gathers what is printed; `until` resolves with what matches. */
class Output {
  #text = "";
  #more = Promise.withResolvers<void>();

  add(part: string): void {
    this.#text += part;
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }

  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.#text);
      if (found) return found[1] ?? found[0];
      await withDeadline(this.#more.promise, 20_000, `${pattern} was not printed: ${this.#text}`);
    }
  }
}

const READY = /is ready: (\S+)/;

test.skipIf(!nohup)(
  "DR-11: a server under nohup goes on after SIGHUP, and stops by SIGTERM with code 0",
  async () => {
    const command = [nohup as string, "node", LAUNCHER, "serve"];
    const server = Bun.spawn(command, { env, stdin: "ignore", stdout: "pipe", stderr: "ignore" });
    const ended = endLater(() => server.kill("SIGKILL"));
    const output = new Output();
    void (async () => {
      const decoder = new TextDecoder();
      for await (const part of server.stdout) output.add(decoder.decode(part, { stream: true }));
    })();
    const url = await output.until(READY);
    server.kill("SIGHUP");
    server.kill("SIGHUP");
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    server.kill("SIGTERM");
    expect(await withDeadline(server.exited, 10_000, "it did not stop")).toBe(0);
    expect(await output.until(/"signal":"(\w+)","msg":"stopping/)).toBe("SIGTERM");
    ended();
  },
  40_000,
);

test("DR-11: a server in a terminal stops when the terminal is closed", async () => {
  const output = new Output();
  const decoder = new TextDecoder();
  // This leaves out the launcher, since Node 20 aborts at its own end if its terminal has gone.
  const server = Bun.spawn([process.execPath, MAIN, "serve"], {
    env,
    terminal: { data: (_terminal, data) => output.add(decoder.decode(data, { stream: true })) },
  });
  const ended = endLater(() => server.kill("SIGKILL"));
  const url = await output.until(READY);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  server.terminal?.close();
  expect(await withDeadline(server.exited, 10_000, "it did not stop")).toBe(0);
  ended();
}, 40_000);
