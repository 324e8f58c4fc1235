import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomInt } from "node:crypto";
import { Push } from "@parley/protocol";
import { signUp } from "./harness.ts";
import { LiveClient } from "./live-client.ts";
import { randomFrame } from "./random-frames.ts";
import { RawClient } from "./raw-client.ts";
import { clientFrame } from "./raw-frames.ts";
import { type Random, seeded } from "./seeded.ts";
import { ServerProcess } from "./server-process.ts";

const CONNECTIONS = 120;
const FRAMES = 12;

const server = new ServerProcess({ LOG_LEVEL: "fatal", HALL: "public" });
beforeAll(() => server.start(), 30_000);
afterAll(() => server.remove());

test("GW-34: random frames never end the process and are never answered with `internal`", async () => {
  const seed = Number(Bun.env.FUZZ_SEED ?? randomInt(2 ** 31));
  console.log(`seed of the frames: ${seed} (FUZZ_SEED repeats it)`);
  const random = seeded(seed);
  const ann = await signUp(server.url, "ann");
  const witness = await LiveClient.open(server.url, { token: ann.token });
  await witness.frame(Push.RED_DOT);
  const pid = server.pid;

  for (let round = 0; round < CONNECTIONS / 10; round++) {
    await Promise.all(Array.from({ length: 10 }, () => oneConnection(random, ann.token)));
  }
  await witness.echo();
  expect(witness.closed).toBeUndefined();
  expect(server.pid).toBe(pid);
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
}, 60_000);

/** Sends until the server has had enough or all frames are out, and checks every answer. */
async function oneConnection(random: Random, token: string): Promise<void> {
  const paths = ["/ws", `/ws?token=${token}`, `/ws?token=${token}&resume=1`, "/ws?resume=1", "/ws?token=pl_wrong"];
  const path = paths[Math.floor(random() * paths.length)] as string;
  const client = await RawClient.open(server.url, undefined, path);
  for (let i = 0; i < FRAMES && !client.gone; i++) {
    const { opcode, body } = randomFrame(random, token);
    client.write(clientFrame(body, 0x80 | opcode));
  }
  // A ping is answered once everything before it has been handled, unless the connection has ended.
  client.ping();
  await client.settled();
  const codes = client.frames.filter(({ type }) => type === Push.ERROR).map(({ data }) => data.code);
  expect(codes).not.toContain("internal");
  client.destroy();
}
