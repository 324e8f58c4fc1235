/** One account asks for as much as it can; what everybody else notices is counted in turns, since seconds depend on the machine. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import type { InputOf, Procedure } from "../src/db/transaction.ts";
import { createAccount } from "../src/identity/accounts-writes.ts";
import { hashOf, newToken } from "../src/identity/tokens.ts";
import { nextTurn } from "../src/lib/interval.ts";
import { CAPS } from "../src/limits/caps.ts";
import { sendMessages } from "../src/messages/send.ts";
import { changeRoom, createRoom } from "../src/rooms/room-writes.ts";
import { ApiClient } from "./api-client.ts";
import { type Person, TestServer } from "./harness.ts";

const ROOM_ROWS = 6 + 4 * 999;
const BATCH_ROWS = CAPS.batchRows.count;

let server: TestServer;
let people: Person[];
/** Rows of the heavy account that were written, and for each send how many of those were written while it waited for the writer. */
let written: number;
let overtaken: number[];
beforeAll(async () => {
  server = await TestServer.start();
  people = [];
  while (people.length < 1004) people.push(...(await Promise.all(Array.from({ length: 100 }, person))));
  const { writes } = server.storage;
  const run = writes.run.bind(writes);
  written = 0;
  overtaken = [];
  writes.run = async <P extends Procedure>(procedure: P, input: InputOf<P>) => {
    const before = written;
    const result = await run(procedure, input);
    if (procedure === (createRoom as Procedure)) written += ROOM_ROWS;
    if (procedure === (changeRoom as Procedure)) written += 3;
    if (procedure === (sendMessages as Procedure)) overtaken.push(written - before);
    return result;
  };
}, 60_000);
afterAll(() => server.stop());

/** An account without a password, so that the test does not wait for hashes. */
async function person(): Promise<Person> {
  const token = newToken();
  const name = `p${token.slice(3, 20)}`;
  const account = { name, passwordHash: "", tokenHash: hashOf(token), ip: "203.0.113.9", userAgent: "test" };
  const { user } = await server.storage.writes.run(createAccount, account);
  return { uid: user.uid, name, token, api: new ApiClient(server.url, token) };
}

test("HTTP-17: 800 heavy writes in flight from one account hold up nobody's send for longer than their turn", async () => {
  const [attacker, ...others] = people as [Person, ...Person[]];
  const senders = others.slice(0, 4);
  const memberIds = others.slice(0, 999).map(({ uid }) => uid);
  const room = await server.room(senders[0] as Person, senders);
  const own = await server.room(attacker, []);
  const file = join(server.dir, "uids");
  await Bun.write(file, memberIds.join("\n"));
  const script = new URL("./heavy-writes.ts", import.meta.url).pathname;
  await using load = Bun.spawn([process.execPath, script, server.url, attacker.token, String(own), file], {
    // The runtime's client would not keep more than 256 requests in flight.
    env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: "1000" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  while (written < 2 * ROOM_ROWS) await nextTurn();
  const sent = await Promise.all(
    senders.map(async ({ api, uid }) => {
      const answers: number[] = [];
      for (let n = 0; n < 10; n++) {
        // The load may stand still for a moment, being a process of its own; a send is asked for while a large room waits.
        while (server.storage.waiting().rows < ROOM_ROWS) await nextTurn();
        const body = { clientId: `${uid}-${n}`, type: 1, body: { content: "hello" } };
        answers.push((await api.call("POST", `/rooms/${room}/messages`, body)).status);
      }
      return answers;
    }),
  );
  while (written <= 10 * ROOM_ROWS) await nextTurn();
  load.stdin.end();
  const said = await new Response(load.stdout).text();
  const statuses = new Map(JSON.parse(/^done (.*)$/m.exec(said)?.[1] ?? "[]") as [number, number][]);
  expect(new Set(sent.flat())).toEqual(new Set([201]));
  expect(overtaken).toHaveLength(40);
  // A send waits for a large room that has begun, or one behind a batch that has begun; then for the batch that it is in.
  expect(Math.max(...overtaken)).toBeLessThanOrEqual(ROOM_ROWS + 2 * BATCH_ROWS);
  // Requests beyond the account's turns were told to come back later, and none of it broke anything.
  expect([...statuses.keys()].filter((status) => ![200, 201, 429, 503].includes(status))).toEqual([]);
  expect((statuses.get(429) ?? 0) + (statuses.get(503) ?? 0)).toBeGreaterThan(100);
}, 120_000);
