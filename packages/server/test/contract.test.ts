import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { administrator } from "./administrator.ts";
import { ContractClient } from "./contract-client.ts";
import { type Person, TestServer } from "./harness.ts";

let server: TestServer;
let ann: Person;
let ben: Person;
let room: number;
const clients: ContractClient[] = [];

beforeAll(async () => {
  server = await TestServer.start();
  [ann, ben] = await Promise.all([server.person("ann"), server.person("ben")]);
  room = await server.room(ann, [ben]);
}, 30_000);
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(() => server.stop());

let said = 0;
async function say(person: Person, content: string, more: object = {}): Promise<number> {
  const request = { clientId: `said-${said++}`, type: 1, body: { content }, ...more };
  return (await person.api.ok<{ message: { id: number } }>("POST", `/rooms/${room}/messages`, request)).message.id;
}

/** A person's client, which has heard who they are. */
async function clientOf(person: Person): Promise<ContractClient> {
  const client = open(person.token);
  await client.until(({ uid }) => uid === person.uid, "who it is");
  return client;
}

function open(token?: string): ContractClient {
  const client = new ContractClient(server.url, { room, ...(token === undefined ? {} : { token }) });
  clients.push(client);
  return client;
}

test("GW-91, pushes 1, 2 and 3: a client of the contract signs in by a QR code", async () => {
  const client = open();
  client.askForQrCode();
  await client.until(({ loginUrl }) => loginUrl !== undefined, "a QR code");
  const code = new URL(client.shown.loginUrl as string).pathname.split("/").at(-1);
  await ann.api.ok("POST", `/qr-logins/${code}/scan`);
  await client.until(({ isScanned }) => isScanned, "that the code was scanned");
  await ann.api.ok("POST", `/qr-logins/${code}/confirm`);
  await client.until(({ uid }) => uid === ann.uid, "who has signed in");
  expect(client.shown).toMatchObject({ name: "ann", power: 0 });
  const again = open(client.shown.token as string);
  await again.until(({ uid }) => uid === ann.uid, "who its token is of");
});

test("GW-91, push 4: it shows a message, with what is quoted", async () => {
  const client = await clientOf(ben);
  const id = await say(ann, "hello");
  await say(ben, "hi", { replyTo: id });
  await client.until(({ messages }) => messages.size === 2, "two messages");
  const [first, second] = [...client.shown.messages.values()];
  expect(first).toMatchObject({ uid: ann.uid, type: 1, body: { content: "hello", reply: null }, likes: 0 });
  expect(second?.body).toMatchObject({ content: "hi", reply: { id, username: "ann", body: "hello" } });
});

test("GW-91, push 5: it shows who is online, and how many", async () => {
  const fay = await server.person("fay");
  await ann.api.ok("POST", `/rooms/${room}/members`, { memberIds: [fay.uid] });
  const client = await clientOf(ben);
  await client.until(({ onlineNum }) => onlineNum !== undefined, "how many are online");
  const other = await clientOf(fay);
  await client.until(({ online }) => online.get(fay.uid) === 1, "that fay has come");
  const before = client.shown.onlineNum as number;
  other.close();
  await client.until(({ online }) => online.get(fay.uid) === 2, "that fay has gone");
  expect(client.shown.onlineNum).toBeLessThan(before);
  // A person who leaves counts as online for five more seconds.
}, 40_000);

test("GW-91, push 6: a token that is not valid any more is forgotten, and the connection goes on without one", async () => {
  const cem = await server.person("cem");
  const client = await clientOf(cem);
  await cem.api.ok("DELETE", "/logins");
  await client.until(({ uid, token }) => uid === undefined && token === undefined, "that nobody is signed in");
  const other = open("pl_wrong");
  await other.until(() => other.seen.includes(6), "that its token is not valid");
  other.askForQrCode();
  await other.until(({ loginUrl }) => loginUrl !== undefined, "a QR code");
});

test("GW-91, BAN-2, push 7: somebody who is banned is gone from the members, and so is what they wrote", async () => {
  const gus = await server.person("gus");
  await ann.api.ok("POST", `/rooms/${room}/members`, { memberIds: [gus.uid] });
  const client = await clientOf(ben);
  client.shown.members.add(gus.uid);
  const id = await say(gus, "buy this");
  await client.until(({ messages }) => messages.has(id), "the message");
  const root = await administrator(server, "root");
  await root.api.ok("PUT", `/admin/bans/users/${gus.uid}`);
  await client.until(({ messages, members }) => !messages.has(id) && !members.has(gus.uid), "that they are gone");
  const banned = open(gus.token);
  await banned.until(() => banned.seen.includes(100), "that they are banned");
  expect(banned.shown.uid).toBeUndefined();
});

test("GW-91, push 8: a like and a dislike, with their totals", async () => {
  const client = await clientOf(ben);
  const id = await say(ann, "like this");
  await client.until(({ messages }) => messages.has(id), "the message");
  const marks = () => client.shown.messages.get(id);
  await ann.api.ok("PUT", `/messages/${id}/marks/like`);
  await ben.api.ok("PUT", `/messages/${id}/marks/like`);
  await client.until(() => marks()?.likes === 2, "two likes");
  await ben.api.ok("PUT", `/messages/${id}/marks/dislike`);
  await client.until(() => marks()?.likes === 1 && marks()?.dislikes === 1, "a like less and a dislike");
});

test("GW-91, push 9: a recalled message shows its notice", async () => {
  const client = await clientOf(ben);
  const id = await say(ann, "a mistake");
  await client.until(({ messages }) => messages.has(id), "the message");
  await ann.api.ok("DELETE", `/messages/${id}`);
  await client.until(({ messages }) => messages.get(id)?.type === 2, "the notice");
});

test("GW-91, FRD-2, push 10: somebody asks to be a friend, and once accepted their room is there", async () => {
  const hal = await server.person("hal");
  const client = await clientOf(ben);
  const before = client.shown.applications;
  const { id } = await hal.api.ok<{ id: number }>("POST", "/friend-requests", { userId: ben.uid, text: "it is me" });
  await client.until(({ applications }) => applications === before + 1, "one application more");
  await ben.api.ok("POST", `/friend-requests/${id}/accept`);
  await client.until(() => client.seen.includes(11), "that the room of both is there");
  expect(client.shown.applications).toBe(before + 1);
});

test("GW-91, push 11: somebody joins, and leaves", async () => {
  const dee = await server.person("dee");
  const client = await clientOf(ben);
  client.shown.members.add(dee.uid);
  await ann.api.ok("POST", `/rooms/${room}/members`, { memberIds: [dee.uid] });
  await client.until(() => client.seen.includes(11), "that somebody joined");
  expect(client.shown.members.has(dee.uid)).toBe(true);
  await dee.api.ok("DELETE", `/rooms/${room}/members/${dee.uid}`);
  await client.until(({ members }) => !members.has(dee.uid), "that they left");
});
