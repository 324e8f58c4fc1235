import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { nextTurn, withDeadline } from "../src/lib/interval.ts";
import { ServerProcess } from "./server-process.ts";

const OPEN_FILES = 1024;
const IDLE = 1005;

const server = new ServerProcess({ LOG_LEVEL: "warn" }, { openFiles: OPEN_FILES });
beforeAll(() => server.start(), 30_000);
afterAll(() => server.remove());

/** A TCP connection; some say half of a request. Its end is what the test waits for. */
function openSocket(says: string): { socket: Socket; gone: Promise<void> } {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  const gone = new Promise<void>((resolve) => void socket.on("error", () => {}).on("close", () => resolve()));
  if (says) socket.write(says);
  return { socket, gone };
}

test("HTTP-21: connections without a request never shut the others out", async () => {
  const sockets = Array.from({ length: IDLE }, (_, n) => openSocket(n % 3 === 0 ? "GET /healthz HT" : ""));
  try {
    await withDeadline(Promise.all(sockets.map(({ gone }) => gone)), 40_000, "idle connections stayed open");
    const response = await withDeadline(fetch(`${server.url}/healthz`), 20_000, "nobody was answered");
    expect(response.status).toBe(200);
    while (!server.output.includes("most of the files")) await withDeadline(server.printed(), 20_000, "no warning");
    await nextTurn();
    expect(server.output.match(/most of the files/g)?.length).toBe(1);
  } finally {
    for (const { socket } of sockets) socket.destroy();
  }
}, 120_000);
