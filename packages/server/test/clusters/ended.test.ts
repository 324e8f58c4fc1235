/** A node that may hand on nothing more, though its connections take seconds to be closed: its lease has ended, or the log has become another one. */
import { describe, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { Client } from "pg";
import { ApiClient } from "../api-client.ts";
import { TestCluster } from "../cluster-rig.ts";
import { lastingPort } from "../free-port.ts";
import { type Person, say, signUp } from "../harness.ts";
import { inTime } from "../in-time.ts";
import { LiveClient, type SeenFrame } from "../live-client.ts";
import { hasPostgres } from "../postgres-server.ts";
import { ServerProcess } from "../server-process.ts";
import { SseReader } from "../sse-reader.ts";
import { until } from "../webhook-receiver.ts";

/** Its drain takes all of `DRAIN_SECONDS`, and it begins anew by itself. */
const SLOW_DRAIN = { entry: new URL("../slow-drain.ts", import.meta.url).pathname };

const ENDS: readonly { name: string; sql: string; epochStays: boolean }[] = [
  { name: "the lease of a node", sql: "delete from nodes where number > 1", epochStays: true },
  {
    name: "the log of a node",
    sql: "update meta set value = '00112233445566aa' where key = 'epoch'",
    epochStays: false,
  },
];

interface Page {
  readonly events: SeenFrame[];
  readonly cursor: string;
}

/** An account of the first node, for requests to another server. */
const at = (url: string, person: Person): Person => ({ ...person, api: new ApiClient(url, person.token) });
const textsOf = (frames: readonly SeenFrame[]) =>
  frames.filter(({ type }) => type === Push.MESSAGE).map(({ data }) => data.message.body.content as string);

/** Of twelve seconds that its drain takes, the last but one of four readers has nine. */
const IN_TIME_MS = 8000;

/** @returns whether all was asked before the first of the readers that ask had to go */
async function readsNothing(sql: string, epochStays: boolean): Promise<boolean> {
  const nodes = await TestCluster.start(1);
  const port = String(lastingPort());
  const settings = { DATABASE_URL: nodes.databaseUrl, PORT: port, DRAIN_SECONDS: "12" };
  const victim = new ServerProcess(settings, SLOW_DRAIN);
  const database = new Client(nodes.databaseUrl);
  try {
    await database.connect();
    await victim.start();
    const { url } = victim;
    const ann = await signUp(url, "ann");
    const room = await nodes.at(0).room(at(nodes.at(0).url, ann), []);
    const { cursor } = await ann.api.ok<Page>("GET", "/events");
    await say(ann, room, "before");
    const live = await LiveClient.open(url, { token: ann.token });
    const stream = await SseReader.open(url, ann.token);
    const waiting = await LiveClient.open(url, { token: ann.token, path: "/ws?resume=1" });
    const last = await LiveClient.open(url, { token: ann.token });
    for (const one of [live, stream, waiting, last]) await one.frame(Push.RED_DOT);
    const { cursor: newest } = await ann.api.ok<Page>("GET", "/events");
    const hanging = ann.api.call("GET", `/events?cursor=${newest}&wait=20`) as Promise<{ body: Partial<Page> }>;
    // Nobody waits for it if the time is over before.
    hanging.catch(() => {});

    const isAsked = await inTime(IN_TIME_MS, async () => {
      await database.query(sql);
      await live.frame(Push.DRAIN);
      // Of the new log it is the first one, so that it knows no other.
      const writing = await nodes.add();
      await say(at(writing.url, ann), room, "after");
      waiting.send({ type: Command.RESUME, data: { cursor } });
      const refused = await ann.api.call("GET", `/events?cursor=${cursor}`);
      expect([refused.status, refused.headers.has("Retry-After")]).toEqual([503, true]);
      expect((await LiveClient.open(url, { token: ann.token }).then((late) => late.ended())).code).toBe(1013);
      expect((await hanging).body.events ?? []).toEqual([]);
    });
    if (!isAsked) return false;

    expect((await last.ended(30_000)).code).toBe(1012);
    expect((await live.ended()).code).toBe(1012);
    expect((await waiting.ended()).code).toBe(1013);
    expect(await stream.ended()).toBe("whole");
    for (const { frames } of [live, stream, waiting, last]) expect(textsOf(frames)).toEqual([]);

    await until("the server is there again", async () => {
      return (await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200;
    });
    const { events } = await ann.api.ok<Page>("GET", `/events?cursor=${cursor}`);
    if (epochStays) expect(textsOf(events)).toEqual(["before", "after"]);
    else expect(events.map(({ type, data }) => [type, data.why])).toEqual([[Push.RESYNC, "epoch"]]);
    return true;
  } finally {
    await database.end();
    await victim.remove();
    await nodes[Symbol.asyncDispose]();
  }
}

describe.skipIf(!hasPostgres)("when it ends", () => {
  for (const { name, sql, epochStays } of ENDS) {
    test(`NODE-11: ${name}: until its last connection is closed no reader gets anything more by any transport, and nothing is missed`, async () => {
      while (!(await readsNothing(sql, epochStays)));
    }, 90_000);
  }
});
