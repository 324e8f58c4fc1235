import { expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { signUp } from "./harness.ts";
import { LiveClient } from "./live-client.ts";
import { SeveralProcesses } from "./several-processes.ts";

/** So many connections are on both processes, but once in a million times. */
const SPREAD = 20;
/** People are offline six seconds after their last connection, and more on a slow machine. */
const SEEN_MS = 20_000;

async function withProcesses(work: (server: SeveralProcesses) => Promise<void>, settings = {}): Promise<void> {
  const server = new SeveralProcesses(settings);
  try {
    await server.start();
    await work(server);
  } finally {
    await server.remove();
  }
}

const connect = async (server: SeveralProcesses, token: string) => {
  const client = await LiveClient.open(server.url, { token });
  await client.frame(Push.RED_DOT);
  return client;
};

test(
  "PROC-1, NODE-2: people are online as long as one process has a connection of theirs, whichever dies",
  () =>
    withProcesses(async (server) => {
      const [ann, ben] = await Promise.all(["ann", "ben"].map((name) => signUp(server.url, name)));
      if (!ann || !ben) throw new Error("nobody signed up");
      await ann.api.ok("POST", "/rooms", { name: "g", memberIds: [ben.uid] });
      const watchers = await Promise.all(Array.from({ length: SPREAD }, () => connect(server, ann.token)));
      const others = await Promise.all(Array.from({ length: SPREAD }, () => connect(server, ben.token)));
      const seen = (client: LiveClient) =>
        client
          .of(Push.ONLINE_OFFLINE_NOTIFY)
          .flatMap(({ data }) => data.changeList as { uid: number; activeStatus: number }[]);
      const newest = (client: LiveClient) => seen(client).findLast(({ uid }) => uid === ben.uid)?.activeStatus;
      for (const client of watchers) await client.until(() => newest(client) === 1, "ben to be online", SEEN_MS);

      const [victim] = server.workers as [number];
      process.kill(victim, "SIGKILL");
      await server.replaced(victim);
      // On a machine that stands still the other process may be seen before the ends of these.
      await Promise.all([...watchers, ...others].map((client) => client.hasEnded()));
      const left = watchers.filter(({ closed }) => !closed);
      const theirs = others.filter(({ closed }) => !closed);
      expect([left.length > 0, left.length < SPREAD, theirs.length > 0, theirs.length < SPREAD]).toEqual([
        true,
        true,
        true,
        true,
      ]);
      for (const client of theirs) client.close();
      for (const client of left) await client.until(() => newest(client) === 2, "ben to be offline", SEEN_MS);
      const again = await connect(server, ben.token);
      for (const client of left) await client.until(() => newest(client) === 1, "ben to be back", SEEN_MS);
      again.close();
    }),
  60_000,
);

test(
  "PROC-1, NODE-4: the cap of a person's connections holds over all processes",
  () =>
    withProcesses(
      async (server) => {
        const ann = await signUp(server.url, "ann");
        const clients: LiveClient[] = [];
        for (let n = 0; n < 14; n++) clients.push(await connect(server, ann.token));
        const open = () => clients.filter(({ closed }) => !closed).length;
        while (open() > 6) await Bun.sleep(20);
        await Bun.sleep(500);
        await Promise.all(clients.map((client) => client.hasEnded()));
        expect(open()).toBe(6);
        expect(clients.slice(-6).map(({ closed }) => closed)).toEqual(Array(6).fill(undefined));
      },
      { MAX_CONNECTIONS_PER_USER: "6" },
    ),
  60_000,
);

test(
  "PROC-1: a QR code that one process shows is scanned and confirmed by way of any",
  () =>
    withProcesses(async (server) => {
      const ann = await signUp(server.url, "ann");
      for (let n = 0; n < 6; n++) {
        const screen = await LiveClient.open(server.url, {});
        screen.send({ type: Command.LOGIN });
        const { loginUrl } = (await screen.frame(Push.LOGIN_URL)).data;
        const code = String(loginUrl).split("/").at(-1);
        const step = (name: string) =>
          ann.api.call("POST", `/qr-logins/${code}/${name}`, undefined, { Connection: "close" });
        expect((await step("scan")).status).toBe(200);
        expect((await step("confirm")).status).toBeLessThan(300);
        expect((await screen.frame(Push.LOGIN_SUCCESS)).data.uid).toBe(ann.uid);
        screen.close();
      }
    }),
  60_000,
);

test(
  "PROC-1: a passing frame reaches those who are live in every process",
  () =>
    withProcesses(async (server) => {
      const [ann, ben] = await Promise.all(["ann", "ben"].map((name) => signUp(server.url, name)));
      if (!ann || !ben) throw new Error("nobody signed up");
      const { id } = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds: [ben.uid] });
      const readers = await Promise.all(Array.from({ length: SPREAD }, () => connect(server, ben.token)));
      const writer = await connect(server, ann.token);
      writer.send({ type: Command.TYPING, data: { roomId: id } });
      for (const reader of readers)
        expect((await reader.frame(Push.TYPING)).data).toMatchObject({ roomId: id, uid: ann.uid });
    }),
  60_000,
);
