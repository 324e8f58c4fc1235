import { expect, test } from "bun:test";
import { createClient } from "redis";
import { HeldTimers } from "../../test/held-timers.ts";
import { Line } from "../../test/line.ts";
import { hasRedis, RedisServer, sharedRedis } from "../../test/redis-server.ts";
import { until } from "../../test/webhook-receiver.ts";
import { newNodeId } from "../bus/bus.ts";
import { delay, nextTurn } from "../lib/interval.ts";
import { createRates } from "../limits/rates.ts";
import { createLogger } from "../ops/logger.ts";
import { openRedisCounting } from "./redis-counting.ts";

/** These wait for a real service, on machines that may be slow. */
const on = (title: string, run: () => Promise<void>) => test.skipIf(!hasRedis)(title, run, 60_000);

const AWAY = "sign-ins, new accounts and QR codes are counted by this node alone, because Redis does not work";
const WORKS = "sign-ins, new accounts and QR codes are counted by Redis for all nodes";

/** For what is not about time: the machine may be busy with something else. */
const PATIENT = { patienceMs: 10_000 };

/** A node, and what it has logged. */
function node(url: string, { installation = "one", patienceMs }: { installation?: string; patienceMs?: number } = {}) {
  const lines: { level: string; msg: string; problem?: string }[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  const logger = createLogger({ level: "trace", sink: { write } });
  const counting = openRedisCounting({ url, installation, logger, ...(patienceMs !== undefined && { patienceMs }) });
  const { together } = counting;
  const full: string[] = [];
  return {
    counting,
    lines,
    said: () => lines.map(({ msg }) => msg),
    /** Rates that had no room. */
    full,
    rates: createRates({ enabled: true, signInsOverall: 600, together, onFull: (rate) => full.push(rate) }),
    works: () => until("Redis counts", () => counting.works),
    isAway: () => until("Redis is away", () => !counting.works),
  };
}

/** What waits for Redis, or for anything else but this process, is not over in the turn of the loop in which it began. */
async function expectNoWait(work: () => Promise<unknown>): Promise<void> {
  for (let n = 0; n < 20; n++) {
    const first = await Promise.race([work().then(() => "it is over"), nextTurn().then(() => "a turn has passed")]);
    expect(first).toBe("it is over");
  }
}

/** How often a node looks for an answer, in milliseconds. */
const LOOK_MS = 50;

/** How long a node waits for an answer that does not come. Its looks are counted, since each takes longer on a machine that is busy. */
async function waited<T>(work: () => Promise<T>): Promise<{ ms: number; is: T }> {
  using looks = new HeldTimers(LOOK_MS);
  let isOver = false;
  const asked = work().finally(() => {
    isOver = true;
  });
  let ms = 0;
  for (let round = 0; round < 1000; round++) {
    for (let turn = 0; turn < 10; turn++) await nextTurn();
    if (isOver) return { ms, is: await asked };
    if (looks.waiting.length > 0) ms += LOOK_MS;
    looks.run();
  }
  throw new Error(`it still waits after ${ms} ms`);
}

/** A node waits for Redis meanwhile for as long as it takes: none of its looks is over. */
async function patiently(work: () => Promise<unknown>): Promise<void> {
  using _ = new HeldTimers(LOOK_MS);
  await work();
}

/** The waits of a `Backoff` from 50 ms to 2 s, of which half is left to chance. No other timer has a length with a fraction. */
const isBackoff = (ms: number) => !Number.isInteger(ms);

function expectBackoff(waits: readonly number[]): void {
  for (const [n, ms] of waits.entries()) {
    const most = Math.min(2000, 50 * 2 ** n);
    expect([n, ms >= most / 2 && ms <= most]).toEqual([n, true]);
  }
}

async function raw(url: string) {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on("error", () => {});
  await client.connect();
  return client;
}

on(
  "LIM-2 Redis killed and started again: in the meantime each node counts alone, from what it let pass itself",
  async () => {
    const server = await RedisServer.start();
    const [a, b] = [node(server.url(), PATIENT), node(server.url(), PATIENT)];
    await Promise.all([a.works(), b.works()]);
    for (let n = 0; n < 12; n++) await a.rates.signIns.take("x");
    for (let n = 0; n < 8; n++) await b.rates.signIns.take("x");
    expect([await a.rates.signIns.tryTake("x"), await b.rates.signIns.tryTake("x")]).toEqual([false, false]);
    await server.kill();
    await Promise.all([a.isAway(), b.isAway()]);
    const passed = async ({ rates }: typeof a) => {
      let count = 0;
      while (count < 100 && (await rates.signIns.tryTake("x"))) count += 1;
      return count;
    };
    expect([await passed(a), await passed(b)]).toEqual([8, 12]);
    await expect(a.rates.signIns.check("x")).rejects.toThrow("Too many sign-ins");
    await expect(a.rates.signIns.take("x")).rejects.toThrow("Too many sign-ins");
    await a.rates.signIns.giveBack("x");
    await a.rates.signIns.take("x");
    await a.rates.signIns.reset("x");
    expect(await passed(a)).toBe(20);

    await server.startAgain();
    await Promise.all([a.works(), b.works()]);
    expect(a.counting.problem).toBeUndefined();
    // It holds nothing that could not be lost, so they begin anew, together.
    for (let n = 0; n < 20; n++) await (n % 2 ? a : b).rates.signIns.take("x");
    expect([await a.rates.signIns.tryTake("x"), await b.rates.signIns.tryTake("x")]).toEqual([false, false]);
    await server.kill();
    await Promise.all([a.isAway(), b.isAway()]);
    for (const { said, counting } of [a, b]) {
      expect(said()).toEqual([WORKS, AWAY, WORKS, AWAY]);
      counting.close();
    }
  },
);

on("LIM-2 what Redis has forgiven or taken back is not counted against anybody while it is away", async () => {
  const server = await RedisServer.start();
  const { rates, works, isAway, counting } = node(server.url(), PATIENT);
  await works();
  for (let n = 0; n < 5; n++) await rates.failedSignIns.take("x");
  await rates.failedSignIns.reset("x");
  for (let n = 0; n < 5; n++) expect(await rates.failedSignIns.tryTake("y")).toBe(true);
  await rates.failedSignIns.giveBack("y");
  await server.kill();
  await isAway();
  for (let n = 0; n < 5; n++) await rates.failedSignIns.take("x");
  await rates.failedSignIns.take("y");
  expect([await rates.failedSignIns.tryTake("x"), await rates.failedSignIns.tryTake("y")]).toEqual([false, false]);
  counting.close();
});

on(
  "LIM-2 Redis stands still: those who ask at that moment wait a quarter of a second, and later ones do not wait",
  async () => {
    const server = await RedisServer.start();
    const { rates, works, said, counting, lines } = node(server.url());
    await patiently(async () => {
      await works();
      await rates.signIns.take("x");
    });
    server.freeze();
    const { ms, is } = await waited(() => Promise.all(Array.from({ length: 30 }, () => rates.signIns.tryTake("x"))));
    expect(is.filter(Boolean)).toHaveLength(19);
    expect(ms).toBe(250);
    expect(counting.works).toBe(false);
    await expectNoWait(async () => expect(await rates.qrCodes.tryTake("y")).toBe(true));
    // Long enough for some tries, which find it as it was.
    await delay(3000);
    expect(said()).toEqual([WORKS, AWAY]);
    expect(lines[1]?.problem).toBe("it did not answer in time");
    server.resume();
    await works();
    expect(said()).toEqual([WORKS, AWAY, WORKS]);
    counting.close();
  },
);

on("LIM-2 a network on which nothing comes is like a Redis that stands still", async () => {
  const line = new Line((await sharedRedis()).port);
  const { rates, works, said, counting } = node(`redis://127.0.0.1:${line.port}`, { installation: newNodeId() });
  await patiently(works);
  line.stall();
  const { ms } = await waited(() => rates.signIns.take("x"));
  expect(ms).toBe(250);
  await expectNoWait(() => rates.signIns.tryTake("x"));
  await until("it connects again", () => line.connections > 1);
  // A connection that began in vain is given up, too.
  line.healForNew();
  await works();
  expect(said()).toEqual([WORKS, AWAY, WORKS]);
  counting.close();
});

on("LIM-2 a Redis that takes longer than that for each answer is not asked, and said to be away once", async () => {
  const line = new Line((await sharedRedis()).port);
  line.delay({ toClient: 400 });
  // One look: of several, each may take longer on a machine that is busy, and the answer come meanwhile.
  const of = { installation: newNodeId(), patienceMs: LOOK_MS };
  const { rates, works, said, counting, lines } = node(`redis://127.0.0.1:${line.port}`, of);
  await until("it has tried three times", () => line.connections >= 3, 30_000);
  await expectNoWait(() => rates.signIns.take("x"));
  expect(said()).toEqual([AWAY]);
  expect(lines[0]?.problem).toMatch(/^(it did not answer in time|no answer)$/);
  line.delay({ toClient: 0 });
  await works();
  expect(said()).toEqual([AWAY, WORKS]);
  counting.close();
});

on("LIM-2 a process that was busy for a second does not take Redis for away", async () => {
  const { rates, works, said, counting } = node((await sharedRedis()).url(), { installation: newNodeId() });
  await patiently(works);
  for (let round = 0; round < 3; round++) {
    const asked = rates.signIns.tryTake("x");
    // The question goes out first.
    await new Promise(setImmediate);
    const until = performance.now() + 1000;
    while (performance.now() < until);
    expect(await asked).toBe(true);
  }
  expect(said()).toEqual([WORKS]);
  expect(counting.works).toBe(true);
  counting.close();
});

on("LIM-2 a node that starts without Redis counts alone at once, and with it as soon as it is there", async () => {
  const server = await RedisServer.start();
  await server.kill();
  const { rates, works, said, counting, full } = node(server.url());
  expect(counting.problem).toBe("Redis has not answered yet");
  await expectNoWait(() => rates.qrCodes.take("x"));
  expect(await rates.qrCodes.tryTake("x")).toBe(false);
  expect(full).toEqual(["qrCodes"]);
  await until("it is said", () => said().length > 0);
  expect(counting.problem).toContain("ECONNREFUSED");
  await server.startAgain();
  await works();
  expect(said()).toEqual([AWAY, WORKS]);
  counting.close();
});

on("LIM-2 while it is away it is tried at longer and longer intervals, two seconds at the most", async () => {
  using timers = new HeldTimers(isBackoff);
  let tries = 0;
  const open = (socket: Bun.Socket) => {
    tries += 1;
    socket.end();
  };
  const closing = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { open, data: () => {} } });
  const { said, counting } = node(`redis://127.0.0.1:${closing.port}`);
  const waits: number[] = [];
  for (let n = 1; n <= 10; n++) {
    await until("it waits for the next try", () => timers.waiting.length > 0);
    waits.push(...timers.waiting);
    expect([tries, waits.length]).toEqual([n, n]);
    timers.run();
  }
  expectBackoff(waits);
  await until("it waits once more", () => timers.waiting.length > 0);
  counting.close();
  expect(timers.waiting).toEqual([]);
  expect(said()).toEqual([AWAY]);
  closing.stop(true);
});

on("LIM-2 a connection that works only for a moment, again and again, is not made at once each time", async () => {
  using timers = new HeldTimers(isBackoff);
  const server = await RedisServer.start();
  const line = new Line(server.port);
  const { rates, works, counting } = node(server.url(line.port), PATIENT);
  await works();
  await rates.signIns.take("x");
  const client = await raw(server.url());
  const [key] = await client.keys("*signIns*");
  // A question about this one gets an error, and the probe does not.
  await client.del(key as string);
  await client.hSet(key as string, "a", "b");
  const waits: number[] = [];
  for (let n = 1; n <= 8; n++) {
    await rates.signIns.tryTake("x");
    waits.push(...timers.waiting);
    expect([line.connections, waits.length]).toEqual([n, n]);
    timers.run();
    await works();
  }
  expectBackoff(waits);
  client.destroy();
  counting.close();
});

on("LIM-2 a Redis that refuses to count (full, a replica, no right to) is away, and the log says why", async () => {
  const full = await RedisServer.start();
  const client = await raw(full.url());
  await client.configSet("maxmemory", "1");
  const replica = await RedisServer.start({ lines: [`replicaof 127.0.0.1 ${full.port}`] });
  const strict = await RedisServer.start({ lines: ["user default on nopass ~* +@all -eval"] });
  for (const [url, problem] of [
    [full.url(), /OOM/],
    [replica.url(), /READONLY|LOADING|MASTERDOWN/],
    [strict.url(), /NOPERM/],
  ] as const) {
    const { rates, said, lines, counting } = node(url, PATIENT);
    await until("it is said", () => said().length > 0);
    expect(lines[0]?.problem).toMatch(problem);
    for (let n = 0; n < 20; n++) await rates.signIns.take("x");
    expect(await rates.signIns.tryTake("x")).toBe(false);
    expect(said()).toEqual([AWAY]);
    counting.close();
  }
  // One that becomes so later, too.
  await client.configSet("maxmemory", "0");
  const { rates, works, said, counting } = node(full.url(), PATIENT);
  await works();
  await client.configSet("maxmemory", "1");
  await rates.signIns.take("y");
  await client.configSet("maxmemory", "0");
  await works();
  expect(said()).toEqual([WORKS, AWAY, WORKS]);
  counting.close();
  client.destroy();
});

on("LIM-3 a password is used as the address has it, and no log line, no problem and no refusal holds it", async () => {
  const server = await RedisServer.start({ password: "p@ss:w/rd %" });
  const right = node(server.url());
  await right.works();
  const secret = "very-secret-word";
  const nodes = [
    node(`redis://:${secret}@127.0.0.1:${server.port}`),
    node(`redis://name:${secret}@127.0.0.1:1`),
    node(`redis://:${secret}@host.invalid`),
    node(`rediss://:${secret}@127.0.0.1:${server.port}`),
  ];
  await until("each has said so", () => nodes.every(({ lines }) => lines.length > 0), 20_000);
  // On a machine that is busy its first try may have taken too long.
  const refused = `Redis at 127.0.0.1:${server.port} refuses the password in REDIS_URL`;
  await until("it is refused for its password", () => nodes[0]?.counting.problem === refused);
  const refusals = [`http://:${secret}@127.0.0.1`, `redis://:${secret}@[::`, secret].map((url) => {
    try {
      node(url);
      return "not refused";
    } catch (error) {
      return Bun.inspect(error);
    }
  });
  for (const refusal of refusals) expect(refusal).toContain("the address of Redis must look like");
  const everything = JSON.stringify([nodes.map(({ lines, counting }) => [lines, counting.problem]), refusals]);
  expect(everything).not.toContain(secret);
  expect(JSON.stringify(right.lines)).not.toContain("w/rd");
  for (const { counting } of [...nodes, right]) counting.close();
});

on("LIM-2 it ends at once in any state, leaves no connection, and counts alone from then on", async () => {
  const server = await RedisServer.start();
  const line = new Line(server.port);
  const client = await raw(server.url());
  const connections = async () =>
    (await client.sendCommand<string>(["CLIENT", "LIST"])).split("name=parley-rates").length - 1;
  const working = node(server.url(line.port), PATIENT);
  await working.works();
  expect(await connections()).toBe(1);
  const asked = working.rates.signIns.take("x");
  working.counting.close();
  await asked;
  await working.rates.signIns.take("x");
  expect(working.counting.works).toBe(false);
  node(server.url(line.port)).counting.close();
  await delay(300);
  expect(line.connections).toBe(1);
  await until("none is left", async () => (await connections()) === 0);
  line.stall();
  const opening = node(server.url(line.port));
  await until("it connects", () => line.connections > 1);
  opening.counting.close();
  line.heal();
  await delay(300);
  await until("none is left", async () => (await connections()) === 0);
  line.cut();
  const waiting = node(server.url(line.port));
  await until("it waits", () => waiting.said().length > 0);
  waiting.counting.close();
  line.heal();
  const before = line.connections;
  await delay(2500);
  expect(line.connections).toBe(before);
  await until("none is left", async () => (await connections()) === 0);
  expect([working, opening].map(({ said }) => said())).toEqual([[WORKS], []]);
  client.destroy();
});
