/**
 * A cluster on one machine: PostgreSQL, Redis, three nodes of Parley, and HAProxy in front of them. Ada signs in on a page that is connected to one node, with a phone
 * that uses another one. Then Ben writes to her, the node that serves her page is killed halfway, and nothing is lost. It ends by itself and leaves nothing behind.
 *
 *   node packages/server/bin/bun.mjs examples/cluster/cluster.ts
 */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@parley/client";
import { endAll, folder, freePort, need, Program, startPostgres, startRedis } from "./programs.ts";

const MESSAGES = 300;
const KILL_AFTER = 100;
const PAUSE_MS = 20;
const MAIN = join(import.meta.dir, "../../packages/server/src/main.ts");

const programs = need("initdb", "postgres", "redis-server", "haproxy");
async function show(): Promise<boolean> {
  console.log(`1. PostgreSQL, Redis, three nodes and HAProxy start, all on 127.0.0.1, with their files in ${folder}.`);
  const [databaseUrl, redisUrl] = [await startPostgres(programs), await startRedis(programs["redis-server"])];
  const door = await freePort();
  const url = `http://127.0.0.1:${door}`;
  const settings = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, HOST: "127.0.0.1", PUBLIC_URL: url };
  const nodes = [];
  for (const name of ["one", "two", "three"]) nodes.push(await startNode(name, settings));
  await startHaproxy(door, nodes);
  const [one, two] = nodes as [Node, Node, Node];
  for (const { name, url } of nodes) console.log(`   Node ${name} is ${url}.`);
  console.log(`   HAProxy is ${url}; it sends each connection to any of the nodes.`);

  console.log(
    "2. Ada has an account, and her phone talks to node two. A page that is connected to node one shows a QR code.",
  );
  const phone = createClient({ url: two.url, token: (await account(url, "ada")).token });
  const token = await signInByQr(one, phone);

  console.log("3. Ada's page, signed in by that code, and Ben's program connect through HAProxy.");
  const ben = await account(url, "ben");
  const onWarning = (text: string) => console.log(`   A client says: ${text}`);
  const page = createClient({ url, token, max: 10_000, onWarning });
  const seen: string[] = [];
  let lostAt = 0;
  let awayMs = 0;
  page.on("message", ({ message }) => {
    if (message.type === 1) seen.push(message.body.content);
  });
  page.on("state", ({ kind }) => {
    if (kind === "live" && lostAt > 0) awayMs = Date.now() - lostAt;
    if (kind !== "live") lostAt ||= Date.now();
  });
  page.start();
  await until("Ada's page to be live", () => page.state.kind === "live");
  lostAt = 0;
  const victim = await nodeWithConnection(nodes);
  const bens = createClient({ url, token: ben.token, onWarning });
  bens.start();
  const { uid } = await phone.request("GET /me");
  const room = await bens.request("POST /rooms/direct", { body: { userId: uid } });

  console.log(
    `4. Ben sends ${MESSAGES} messages. After ${KILL_AFTER} of them node ${victim.name}, where Ada's page is connected, is killed (kill -9).`,
  );
  const sent: string[] = [];
  for (let n = 1; n <= MESSAGES; n++) {
    if (n === KILL_AFTER + 1) await victim.program.end("SIGKILL");
    sent.push(`message ${n}`);
    await bens.send(room.id, `message ${n}`);
    await Bun.sleep(PAUSE_MS);
  }
  console.log(
    `   All ${sent.length} were acknowledged. Sends that the dead node did not answer were repeated with the same ids.`,
  );
  await until("the last message", () => seen.includes(sent.at(-1) as string)).catch(() => {});
  console.log(`   Ada's page was without a connection for ${awayMs} ms, and is ${page.state.kind} on another node.`);

  const isWhole = sent.length === seen.length && sent.every((text, index) => seen[index] === text);
  const stored = await textsOf(phone, room.id);
  const isStored = JSON.stringify(stored) === JSON.stringify(sent);
  console.log(
    `5. Ada's page got ${seen.length} of ${sent.length} messages: ${isWhole ? "each once, in order" : "not each once and in order"}.`,
  );
  console.log(
    `   The history has ${stored.length}: ${isStored ? "each once, in order" : "not each once and in order"}.`,
  );
  for (const client of [page, bens]) client.stop();
  return isWhole && isStored;
}

interface Node {
  readonly name: string;
  readonly url: string;
  readonly program: Program;
}

async function startNode(name: string, settings: Record<string, string>): Promise<Node> {
  const port = await freePort();
  const env = { ...settings, PORT: String(port), DATA_DIR: join(folder, name) };
  const program = new Program(name, [process.execPath, MAIN, "serve"], { env });
  await program.listens(port);
  return { name, url: `http://127.0.0.1:${port}`, program };
}

/** HAProxy with `examples/haproxy.cfg`, in which only the addresses are replaced. */
async function startHaproxy(port: number, nodes: readonly Node[]): Promise<void> {
  let text = readFileSync(join(import.meta.dir, "../haproxy.cfg"), "utf8").replace(
    "bind :80",
    `bind 127.0.0.1:${port}`,
  );
  for (const { name, url } of nodes) {
    text = text.replace(new RegExp(`server ${name} \\S+`), `server ${name} ${new URL(url).host}`);
  }
  const file = join(folder, "haproxy.cfg");
  writeFileSync(file, text);
  await new Program("haproxy", [programs.haproxy, "-db", "-f", file]).listens(port);
}

async function account(url: string, name: string): Promise<{ token: string }> {
  const password = randomBytes(12).toString("hex");
  const response = await fetch(`${url}/api/v1/accounts`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name, password }),
  });
  if (!response.ok) throw new Error(`no account was made: ${response.status} ${await response.text()}`);
  return (await response.json()) as { token: string };
}

/** A page without a login asks for a code on its connection; the phone scans and confirms it. @returns the page's token */
async function signInByQr(node: Node, phone: ReturnType<typeof createClient>): Promise<string> {
  const socket = new WebSocket(`${node.url.replace("http", "ws")}/ws`);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  socket.onopen = () => socket.send(JSON.stringify({ type: 1 }));
  socket.onclose = () => reject(new Error("the page's connection was closed"));
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(String(data));
    if (frame.type === 1) void scan(frame.data.loginUrl).catch(reject);
    if (frame.type === 2) console.log("   The page says: scanned, waiting for the phone to confirm.");
    if (frame.type === 3) {
      console.log(`   The page is signed in as ${frame.data.name}.`);
      resolve(frame.data.token);
    }
  };
  const scan = async (loginUrl: string) => {
    console.log(`   The code says ${loginUrl}, which is good for one sign-in. The phone scans it and confirms.`);
    const code = new URL(loginUrl).pathname.split("/").at(-1) as string;
    await phone.request("POST /qr-logins/{code}/scan", { path: { code } });
    await phone.request("POST /qr-logins/{code}/confirm", { path: { code } });
  };
  try {
    return await promise;
  } finally {
    socket.onclose = null;
    socket.close();
  }
}

/** The node that has the one live connection there is. */
async function nodeWithConnection(nodes: readonly Node[]): Promise<Node> {
  for (const node of nodes) {
    const page = await (await fetch(`${node.url}/metrics`)).text();
    if (/^parley_connections\{transport="websocket"\} [1-9]/m.test(page)) return node;
  }
  throw new Error("no node has a connection");
}

async function textsOf(client: ReturnType<typeof createClient>, id: number): Promise<string[]> {
  const texts: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const query = { limit: 100, ...(cursor && { cursor }) };
    const page = await client.request("GET /rooms/{id}/messages", { path: { id }, query });
    texts.unshift(...page.items.flatMap(({ message }) => (message.type === 1 ? [message.body.content] : [])));
    cursor = page.nextCursor;
  }
  return texts;
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 30_000; !isSo(); await Bun.sleep(20)) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
  }
}

const { promise: interrupted, resolve: interrupt } = Promise.withResolvers<"interrupted">();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupt("interrupted"));

const shown = show().catch((error: Error) => error);
const outcome = await Promise.race([shown, interrupted]);
await endAll();
if (outcome === "interrupted") process.exit(130);
if (outcome instanceof Error) console.error(outcome.message);
console.log(outcome === true ? "Nothing was lost." : "Something went wrong, see above.");
process.exit(outcome === true ? 0 : 1);
