import { afterEach, describe, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { withDeadline } from "../src/lib/interval.ts";
import { uptimeMs } from "../src/lib/uptime.ts";
import { type Person, say, signUp } from "./harness.ts";
import { inTime } from "./in-time.ts";
import { LiveClient } from "./live-client.ts";
import { ServerProcess } from "./server-process.ts";
import { SseReader } from "./sse-reader.ts";

const SLOW_DRAIN = { entry: new URL("./slow-drain.ts", import.meta.url).pathname };
const STILL_CLOCK_DRAIN = { entry: new URL("./still-clock-drain.ts", import.meta.url).pathname };

/** A moment, on any machine, and less than any of the longest drains here. */
const MOMENT_MS = 10_000;

let server: ServerProcess;
afterEach(() => server.remove());

/** @param options.entry `SLOW_DRAIN` if the test needs time before the connections end, `STILL_CLOCK_DRAIN` if it also decides about the time between signals */
async function start(settings: Record<string, string>, options: { entry?: string } = {}): Promise<void> {
  server = new ServerProcess(settings, options);
  await server.start();
}

async function live(person: Person, path = "/ws"): Promise<LiveClient> {
  const client = await LiveClient.open(server.url, { token: person.token, path });
  await client.frame(Push.RED_DOT);
  return client;
}

/** Two people in a room. */
async function pair(): Promise<{ ann: Person; ben: Person; roomId: number }> {
  const [ann, ben] = await Promise.all([signUp(server.url, "ann"), signUp(server.url, "ben")]);
  const { id } = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds: [ben.uid] });
  return { ann, ben, roomId: id };
}

/** The code of a process that ends by itself in a moment. */
const endsSoon = (ended: Promise<number>) => withDeadline(ended, MOMENT_MS, "the process did not end");

/** Asks until the probe fails, as a load balancer does, but faster. */
async function untilUnready(): Promise<void> {
  while ((await fetch(`${server.url}/readyz`)).ok);
}

describe("the delay", () => {
  /** @returns whether all was asked before the delay was over */
  async function goesOn(): Promise<boolean> {
    await start({ DRAIN_DELAY_SECONDS: "5", DRAIN_SECONDS: "1" }, SLOW_DRAIN);
    const { ann, ben, roomId } = await pair();
    const before = await live(ben);
    const { cursor } = (await before.frame(Push.READY)).data;
    const hanging = ben.api.call<{ events: { type: number }[] }>("POST", "/events", { cursor, wait: 60 });
    // Nobody waits for it if the time is over before.
    hanging.catch(() => {});
    const open = [before];
    const askedMs = uptimeMs();
    const isAsked = await inTime(4500, async () => {
      server.terminate();
      await untilUnready();
      expect(before.of(Push.DRAIN)).toEqual([]);
      open.push(await live(ben));
      await say(ann, roomId, "still here");
      for (const one of open) {
        await one.frame(Push.MESSAGE);
        expect(one.of(Push.DRAIN)).toEqual([]);
      }
      expect((await hanging).body.events.map(({ type }) => type)).toEqual([Push.MESSAGE]);
    });
    if (!isAsked) return false;
    await before.frame(Push.DRAIN);
    expect(uptimeMs() - askedMs).toBeGreaterThan(4900);
    for (const one of open) expect((await one.ended()).code).toBe(1012);
    expect(await server.exited()).toBe(0);
    return true;
  }

  test("DR-2: /readyz is 503 at once, and for DRAIN_DELAY_SECONDS all goes on", async () => {
    while (!(await goesOn())) await server.remove();
  }, 40_000);
});

describe("the drain", () => {
  test("DR-3: new handshakes get 1013, requests 503, both say when; what hangs is answered, probes answer", async () => {
    await start({ DRAIN_SECONDS: "20" }, SLOW_DRAIN);
    const { ben } = await pair();
    const one = await live(ben);
    const { cursor } = (await one.frame(Push.READY)).data;
    const hanging = ben.api.call("POST", "/events", { cursor, wait: 60 });
    const qr = await ben.api.ok<{ code: string; secret: string }>("POST", "/qr-logins");
    const headers = { "X-QR-Secret": qr.secret };
    await ben.api.call("GET", `/qr-logins/${qr.code}`, undefined, headers);
    const waiting = ben.api.call("GET", `/qr-logins/${qr.code}?wait=60`, undefined, headers);
    await fetch(`${server.url}/healthz`);
    server.terminate();
    await one.frame(Push.DRAIN);
    expect(await hanging).toMatchObject({ status: 200, body: { events: [] } });
    expect(await waiting).toMatchObject({ status: 200, body: { state: "pending" } });

    const late = await LiveClient.open(server.url, { token: ben.token });
    const { code, reason } = await late.ended();
    expect([code, late.frames]).toEqual([1013, []]);
    expect(Number(/^retry=(\d+)$/.exec(reason)?.[1])).toBeGreaterThan(3000);
    for (const path of ["/me", "/events", "/events/stream"]) {
      const { status, body, headers } = await ben.api.call("GET", path);
      expect([status, body]).toEqual([503, expect.objectContaining({ code: "draining" })]);
      expect(Number(headers.get("Retry-After"))).toBeGreaterThanOrEqual(4);
    }
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    // The refused connection is not counted as live, nor subtracted from the number of live ones.
    const page = await (await fetch(`${server.url}/metrics`)).text();
    expect(page).toContain('parley_connections{transport="websocket"} 1\n');
    one.close();
    expect(await server.exited()).toBe(0);
  }, 30_000);

  test("DR-4: a connection is served until its moment; retryAfterMs counts from there and covers the rest", async () => {
    await start({ DRAIN_SECONDS: "12" }, SLOW_DRAIN);
    const { ann, ben, roomId } = await pair();
    const first = await live(ann);
    const second = await live(ben);
    const stream = await SseReader.open(server.url, ben.token);
    await stream.frame(Push.RED_DOT);
    server.terminate();
    const drain = await first.frame(Push.DRAIN);
    await stream.frame(Push.DRAIN);
    first.send({ type: Command.TYPING, data: { roomId } });
    await second.frame(Push.TYPING);
    await stream.frame(Push.TYPING);
    // The last one closes after twelve seconds, the first one after a third of them.
    await first.ended();
    expect(drain.data.retryAfterMs).toBeGreaterThan(12_000 * (2 / 3));
    expect([second.closed, stream.of(Push.DRAIN).length]).toEqual([undefined, 1]);
    const waits = [first, second, stream].map((one) => one.of(Push.DRAIN)[0]?.data.retryAfterMs);
    expect(waits.toSorted((a, b) => b - a)).toEqual(waits);
    second.close();
    stream.close();
    expect(await server.exited()).toBe(0);
  }, 30_000);

  test("DR-6: a stream's DRAIN names cursor and waiting time for clients that come back by themselves", async () => {
    await start({ DRAIN_SECONDS: "1" }, SLOW_DRAIN);
    const { ann, ben, roomId } = await pair();
    const stream = await SseReader.open(server.url, ben.token);
    await stream.frame(Push.RED_DOT);
    await say(ann, roomId, "before");
    await stream.frame(Push.MESSAGE);
    server.terminate();
    const drain = await stream.frame(Push.DRAIN);
    expect(await stream.ended()).toBe("whole");
    expect([drain.id, stream.retryMs]).toEqual([drain.data.cursor, drain.data.retryAfterMs]);
    expect(await server.exited()).toBe(0);
  }, 20_000);
});

describe("its end", () => {
  test("DR-8: without connections the stop is done at once, with some when the last one has gone", async () => {
    await start({ DRAIN_SECONDS: "20" }, SLOW_DRAIN);
    const { ann, ben } = await pair();
    expect(await endsSoon(server.stop())).toBe(0);

    await server.start();
    const [one, two] = [await live(ann), await live(ben)];
    server.terminate();
    await two.frame(Push.DRAIN);
    one.close();
    two.close();
    expect(await endsSoon(server.exited())).toBe(0);
  }, 40_000);

  test("DR-1: with a few connections the stop takes a moment, whatever DRAIN_SECONDS allows", async () => {
    await start({ DRAIN_SECONDS: "20" });
    const { ann, ben } = await pair();
    const open = [await live(ann), await live(ben)];
    const stream = await SseReader.open(server.url, ben.token);
    await stream.frame(Push.RED_DOT);
    expect(await endsSoon(server.stop())).toBe(0);
    for (const one of open) expect([(await one.ended()).code, one.of(Push.DRAIN).length]).toEqual([1012, 1]);
    expect([await stream.ended(), stream.of(Push.DRAIN).length]).toEqual(["whole", 1]);
  }, 30_000);

  test("DR-9: SIGTERM again within a second is an echo of the first; a later one ends the process at once, with code 1", async () => {
    await start({ DRAIN_SECONDS: "20" }, STILL_CLOCK_DRAIN);
    const { ann } = await pair();
    const ends = Array.from({ length: 10 }, () => live(ann));
    const connections = await Promise.all(ends);
    server.terminate();
    server.terminate();
    const last = connections.at(-1) as LiveClient;
    await last.frame(Push.DRAIN);
    server.terminate();
    // The first one is closed after two seconds, in its turn.
    expect((await (connections[0] as LiveClient).ended()).code).toBe(1012);
    process.kill(server.pid, "SIGUSR2");
    while (!server.output.includes("a second later")) await server.printed();
    expect(await endsSoon(server.stop())).toBe(1);
    expect((await last.ended()).code).toBe(1006);
  }, 30_000);
});
