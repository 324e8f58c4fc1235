/**
 * Load for tests and benchmarks, in a separate process: one account keeps 800 heavy writes in flight, from eight addresses,
 * until its input has a line or ends. Half of them make rooms with many people, half change a room's name.
 *
 *   BUN_CONFIG_MAX_HTTP_REQUESTS=1000 bun heavy-writes.ts URL TOKEN ROOM FILE
 *
 * @param FILE has the uids to bring into rooms, one per line
 */
const [url, token, roomId, file] = Bun.argv.slice(2) as [string, string, string, string];
const IN_FLIGHT = 800;
const ADDRESSES = 8;

const memberIds = (await Bun.file(file).text()).split("\n").map(Number);
const room = JSON.stringify({ name: "heavy", memberIds });
const answered = new Map<number, number>();
let goesOn = true;

async function ask(n: number): Promise<void> {
  const headers = {
    Authorization: `Bearer ${token}`,
    "Content-Type": "application/json",
    "X-Forwarded-For": `203.0.113.${n % ADDRESSES}`,
  };
  const [method, path, body] =
    n % 2 === 0 ? ["POST", "/rooms", room] : ["PATCH", `/rooms/${roomId}`, JSON.stringify({ name: `heavy ${n}` })];
  while (goesOn) {
    const reply = await fetch(`${url}/api/v1${path}`, { method, headers, body }).catch(() => undefined);
    await reply?.arrayBuffer();
    const status = reply?.status ?? 0;
    answered.set(status, (answered.get(status) ?? 0) + 1);
  }
}

const all = Array.from({ length: IN_FLIGHT }, (_, n) => ask(n));
console.log("ready");
for await (const _ of console) break;
goesOn = false;
await Promise.all(all);
console.log(`done ${JSON.stringify([...answered])}`);
