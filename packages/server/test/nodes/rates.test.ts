import { expect, test } from "bun:test";
import { delay } from "../../src/lib/interval.ts";
import { TestNodes } from "../nodes-rig.ts";
import { exchange, handshakeText } from "../raw-http.ts";
import { untilRefusedElsewhere } from "../used-up.ts";
import { until } from "../webhook-receiver.ts";

test("LIM-4: an address that has used up its requests without a token at one node has none left at another", async () => {
  await using nodes = await TestNodes.start(2, { RATE_LIMITS: "on" });
  await untilRefusedElsewhere(nodes.at(0), nodes.at(1));
}, 60_000);

test("LIM-4: messages that a person has sent by one node are missing at another a moment later", async () => {
  await using nodes = await TestNodes.start(2, { RATE_LIMITS: "on" });
  const [ann, ben] = [await nodes.person("ann"), await nodes.person("ben")];
  const room = await nodes.at(0).room(ann, [ben]);
  const send = (index: number) => {
    const message = { clientId: crypto.randomUUID(), type: 1, body: { content: "x" } };
    return nodes.on(index, ann).api.call("POST", `/rooms/${room}/messages`, message);
  };
  const statuses = async (index: number, count: number) =>
    (await Promise.all(Array.from({ length: count }, () => send(index)))).map(({ status }) => status);
  expect(new Set(await statuses(0, 30))).toEqual(new Set([201]));
  // A machine that stands still at that moment lets more pass: there are ten more each second. So this goes on until some are missing; a node that is
  // not told reaches the test's limit, since by itself it would let them all pass.
  for (;;) {
    // Nodes tell each other ten times a second.
    await delay(300);
    const passed = (await statuses(1, 28)).filter((status) => status === 201);
    if (passed.length < 20) break;
    await delay(4000);
    await statuses(0, 30);
  }
}, 60_000);

test("LIM-5: whichever nodes are asked at the same moment, a person is brought into no more groups by another one than at one node", async () => {
  await using nodes = await TestNodes.start(2, { RATE_LIMITS: "on" });
  const [ann, ben, carl, zoe] = await Promise.all(["ann", "ben", "carl", "zoe"].map((name) => nodes.person(name)));
  if (!ann || !ben || !carl || !zoe) throw new Error("nobody is there");
  const rooms: number[] = [];
  for (let n = 0; n < 12; n++) rooms.push(await nodes.at(0).room(n % 2 ? ben : carl, [ann]));
  const add = (room: number, n: number) =>
    nodes.on(n % 2, ann).api.call("POST", `/rooms/${room}/members`, { memberIds: [zoe.uid] });
  const statuses = (await Promise.all(rooms.map(add))).map(({ status }) => status);
  // The first time as a stranger, wherever it was, and then ten.
  expect(statuses.toSorted()).toEqual([...Array(11).fill(200), 422]);
  const rows = await nodes
    .at(1)
    .context.db.selectFrom("rate_counts")
    .select(["rate", "counted"])
    .where("key", "in", [`${zoe.uid}`, `${ann.uid} ${zoe.uid}`])
    .orderBy("counted")
    .execute();
  expect(rows).toEqual([
    { rate: "groupsByStrangers", counted: 1 },
    { rate: "groupsByOnePerson", counted: 10 },
  ]);
}, 60_000);

test("GW-44: an address that has its anonymous connections at one node opens no more at another, until they end", async () => {
  await using nodes = await TestNodes.start(2);
  const open = (ip: string) => nodes.at(0).connect({ headers: { "X-Forwarded-For": ip } });
  const handshake = async (ip: string) => {
    const port = Number(new URL(nodes.at(1).url).port);
    return (await exchange(port, handshakeText({ "X-Forwarded-For": ip }))).status;
  };
  const opened = await Promise.all(Array.from({ length: 200 }, () => open("203.0.113.7")));
  await until("it is refused at the other node", async () => (await handshake("203.0.113.7")) === 429);
  expect(await handshake("203.0.113.8")).toBe(101);
  for (const connection of opened) connection.close();
  await until("it may connect again", async () => (await handshake("203.0.113.7")) === 101);
}, 60_000);
