import { expect, test } from "bun:test";
import { openUserAccounts } from "../src/cli/user-accounts.ts";
import { ApiClient } from "./api-client.ts";
import { signUp } from "./harness.ts";
import { LiveClient } from "./live-client.ts";
import { sendAll } from "./load.ts";
import { SeveralProcesses } from "./several-processes.ts";
import { Receiver } from "./webhook-receiver.ts";

test("PROC-1, HOOK-1: a webhook has one sender: it is told each message once and in order, and who is online in any process", async () => {
  const receiver = new Receiver();
  const server = new SeveralProcesses();
  try {
    await server.start();
    const ann = await signUp(server.url, "ann");
    const ben = await signUp(server.url, "ben");
    const accounts = await openUserAccounts({ data: server.data });
    await accounts.set("ann", { power: 1 });
    await accounts.close();
    const { id } = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds: [ben.uid] });
    const root = new ApiClient(server.url, ann.token);
    const wish = { url: receiver.url, events: ["MESSAGE", "online"] };
    // A signed-in account's new power takes effect within a second.
    while ((await root.call("POST", "/admin/webhooks", wish, { Connection: "close" })).status !== 201);
    await sendAll({ senders: [ann, ben], roomId: id, count: 40 });
    await receiver.until("all messages", () => receiver.texts().length >= 40);
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => LiveClient.open(server.url, { token: ben.token })),
    );
    const presence = () => receiver.taken.filter(({ event }) => event === "online");
    await receiver.until("ben to be online", () =>
      JSON.stringify(presence().map(({ data }) => data)).includes(`"uid":${ben.uid}`),
    );
    const [victim] = server.workers as [number];
    process.kill(victim, "SIGKILL");
    await server.replaced(victim);
    const again = await sendAll({ senders: [ann, ben], roomId: id, count: 40, label: "again" });
    const acknowledged = again.filter(({ status }) => status === 201).length;
    expect(acknowledged).toBeGreaterThan(30);
    await receiver.until("all messages", () => receiver.texts().length >= 40 + acknowledged);
    const seqs = receiver.taken.filter(({ event }) => event === "MESSAGE").map(({ seq }) => seq as number);
    expect(seqs).toEqual(seqs.map((_, i) => (seqs[0] as number) + i));
    expect(clients.some(({ closed }) => !closed)).toBe(true);
  } finally {
    await server.remove();
    await receiver.stop();
  }
}, 60_000);
