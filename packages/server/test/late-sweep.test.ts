import { expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { delay, every } from "../src/lib/interval.ts";
import { signUp } from "./harness.ts";
import { LiveClient } from "./live-client.ts";
import { ServerProcess } from "./server-process.ts";

test("GW-52: a server that was held up for longer than anybody may be silent cuts nobody for it", async () => {
  const server = new ServerProcess({ HEARTBEAT_MS: "500", IDLE_MS: "4000" });
  try {
    await server.start();
    const ann = await signUp(server.url, "ann");
    const clients = await Promise.all(
      Array.from({ length: 5 }, () => LiveClient.open(server.url, { token: ann.token })),
    );
    await Promise.all(clients.map((client) => client.frame(Push.RED_DOT)));
    const stop = every(300, () => {
      for (const client of clients) client.send({ type: Command.HEARTBEAT });
    });
    process.kill(server.pid, "SIGSTOP");
    // This test is about the time that passes.
    await delay(6500);
    process.kill(server.pid, "SIGCONT");
    await Promise.all(clients.map((client) => client.echo()));
    stop();
    expect(clients.map((client) => client.closed)).toEqual(clients.map(() => undefined));
    // Silence is judged again afterwards.
    const ends = await Promise.all(clients.map((client) => client.ended(30_000)));
    expect(ends.map(({ code }) => code)).toEqual(clients.map(() => 4000));
  } finally {
    await server.remove();
  }
}, 60_000);
