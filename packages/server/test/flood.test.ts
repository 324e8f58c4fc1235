import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { withDeadline } from "../src/lib/interval.ts";
import { LiveClient } from "./live-client.ts";
import { clientFrame } from "./raw-frames.ts";
import { handshakeText, rawRequest } from "./raw-http.ts";
import { ServerProcess } from "./server-process.ts";

const FLOOD_BYTES = 200_000_000;

const server = new ServerProcess();
beforeAll(() => server.start(), 30_000);
afterAll(() => server.remove());

/** A connection whose bytes we write ourselves. */
async function rawSocket(): Promise<Socket> {
  const ignored = () => {};
  const { url } = server;
  const { socket, answered } = rawRequest({ url, bytes: handshakeText(), onBytes: ignored, onEnd: ignored });
  expect((await answered).status).toBe(101);
  return socket;
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
  const chunk = Buffer.concat(Array.from({ length: 4000 }, () => clientFrame('{"type":2}')));
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
  // Somebody else is answered while the flood comes in: an answer to a broken frame shows it.
  other.send("not json");
  const served = other.frame(100).then(() => written);
  const sent = await withDeadline(gone, 10_000, "the flooding connection was not cut");
  expect([sent, await served].map((bytes) => bytes < FLOOD_BYTES)).toEqual([true, true]);
  expect(other.closed).toBeUndefined();
  expect(peakBytes() - before).toBeLessThan(16_000_000);
}, 30_000);
