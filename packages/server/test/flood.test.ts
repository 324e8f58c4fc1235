import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { withDeadline } from "../src/lib/interval.ts";
import { LiveClient } from "./live-client.ts";
import { ServerProcess } from "./server-process.ts";

const FLOOD_BYTES = 200_000_000;

const server = new ServerProcess();
beforeAll(() => server.start());
afterAll(() => server.remove());

/** A connection whose bytes we write ourselves. */
async function rawSocket(): Promise<Socket> {
  const { port, hostname } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  const key = randomBytes(16).toString("base64");
  socket.write(
    `GET /ws HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  await new Promise<void>((resolve, reject) => {
    socket.once("data", (data) => (String(data).includes(" 101 ") ? resolve() : reject(new Error(String(data)))));
    socket.once("error", reject);
  });
  return socket;
}

/** A heartbeat, masked as a client's frames have to be. */
function frame(): Buffer {
  const text = Buffer.from('{"type":2}');
  const mask = randomBytes(4);
  return Buffer.concat([
    Buffer.from([0x81, 0x80 | text.length]),
    mask,
    text.map((byte, i) => byte ^ (mask[i % 4] as number)),
  ]);
}

/** The most resident memory the server has had. */
function peakBytes(): number {
  const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

test("GW-60: a connection that floods is cut at once, costs no memory, and nobody else notices", async () => {
  const other = await LiveClient.open(server.url, {});
  const before = peakBytes();
  const socket = await rawSocket();
  const chunk = Buffer.concat(Array.from({ length: 4000 }, frame));
  let written = 0;
  const gone = new Promise<number>((resolve) => {
    const done = () => resolve(written);
    socket.on("error", done).on("close", done);
  });
  const write = () => {
    while (!socket.destroyed && written < FLOOD_BYTES) {
      written += chunk.length;
      if (!socket.write(chunk)) return void socket.once("drain", write);
    }
  };
  write();
  // While the flood comes in, somebody else is answered: an answer to a broken frame shows it.
  other.send("not json");
  const served = other.frame(100, () => true, 1000);
  const sent = await withDeadline(gone, 1000, "the flooding connection was not cut within a second");
  expect(sent).toBeLessThan(FLOOD_BYTES);

  await served;
  expect(other.closed).toBeUndefined();
  expect(peakBytes() - before).toBeLessThan(16_000_000);
}, 20_000);
