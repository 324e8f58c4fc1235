import { test } from "bun:test";
import { join } from "node:path";
import { withDeadline } from "../packages/server/src/lib/interval.ts";
import { TestServer } from "../packages/server/test/harness.ts";
import { needs } from "../packages/server/test/needs.ts";
import { Running } from "./running.fixture.ts";

const SLOW_MS = 60_000;
const node = needs("node");
const launcher = join(import.meta.dir, "../packages/server/bin/bun.mjs");

test.skipIf(!node).each(["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"] as const)(
  "the bot ends with its launcher, which ends by %s",
  async (signal) => {
    const server = await TestServer.start();
    await server.person("bot");
    const env = {
      PARLEY_URL: server.url,
      PARLEY_NAME: "bot",
      PARLEY_PASSWORD: "a long password",
      BOT_FILE: join(server.dir, "bot-state.json"),
    };
    const running = new Running([node ?? "", launcher, join(import.meta.dir, "bot.ts")], env);
    try {
      await running.says("bot is live");
      await running.kill(signal);
      // Launcher and bot print into the same pipe, which ends when the last of them is gone.
      await withDeadline(running.ended(), 20_000, "the bot outlived its launcher");
    } finally {
      await running.kill();
      await server.stop();
    }
  },
  SLOW_MS,
);
