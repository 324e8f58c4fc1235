import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { Command, encodePush, Push } from "@parley/protocol";
import type { Server } from "bun";
import { StillTime } from "../../test/still-time.ts";
import { nextTurn, withDeadline } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import { createLogger } from "../ops/logger.ts";
import { type CommandHandler, Commands } from "./commands.ts";
import { Connection } from "./connection.ts";

const log: string[] = [];
const logger = createLogger({ level: "trace", sink: { write: (line) => void log.push(line) } });
const ORIGIN = { ip: "", userAgent: "", address: "", anonymous: true, resume: false, idleMs: 1000, connectedAt: 0 };

let connection: Connection;
const done: unknown[] = [];
const late = Promise.withResolvers<void>();
const commands = new Commands({
  logger,
  table: new Map<number, CommandHandler>([
    [1, (_, data) => void done.push(data)],
    [
      2,
      () => {
        throw new ProblemError("forbidden", "not you");
      },
    ],
    [3, () => Promise.reject(new Error("a secret of ours"))],
    [4, () => late.promise],
  ]),
});
const server: Server<Connection> = Bun.serve<Connection>({
  port: 0,
  hostname: "127.0.0.1",
  fetch: (request, self) => {
    connection = new Connection({ ...ORIGIN, id: "c1" });
    return self.upgrade(request, { data: connection }) ? undefined : new Response("no", { status: 400 });
  },
  websocket: {
    open: (socket) => socket.data.opened(socket),
    message: (socket, text) => commands.receive(socket.data, typeof text === "string" ? text : undefined),
    close: (socket) => socket.data.ended(),
  },
});
afterAll(() => server.stop(true));

let socket: WebSocket;
const received: string[] = [];
let wake = () => {};
beforeEach(async () => {
  done.length = 0;
  received.length = 0;
  log.length = 0;
  socket = new WebSocket(`ws://127.0.0.1:${server.port}`);
  socket.onmessage = ({ data }) => {
    received.push(data);
    wake();
  };
  await new Promise((resolve) => {
    socket.onopen = resolve;
  });
});

async function frames(count: number): Promise<{ type: number; data: Record<string, unknown> }[]> {
  const { promise, resolve } = Promise.withResolvers<void>();
  wake = () => void (received.length >= count && resolve());
  wake();
  await withDeadline(promise, 4500, `only ${received.length} frames`);
  return received.map((text) => JSON.parse(text));
}

/** The code with which the connection ended. */
function ended(): Promise<number> {
  const code = new Promise<number>((resolve) => {
    socket.onclose = (event) => resolve(event.code);
  });
  return withDeadline(code, 4500, "the connection did not end");
}

const frame = (data: unknown, type = 1) => JSON.stringify({ type, data });

describe("commands", () => {
  test("GW-12: while a token is checked sixteen frames wait, the seventeenth ends the connection", async () => {
    const waiting: string[] = [];
    connection.state = { kind: "authorizing", waiting, login: undefined };
    for (let i = 0; i < 16; i++) socket.send(frame(i));
    socket.send(JSON.stringify({ type: Command.HEARTBEAT }));
    connection.send(encodePush(Push.INVALIDATE_TOKEN, undefined));
    socket.send("{");
    expect(await ended()).toBe(1008);
    expect(done).toEqual([]);
  });

  test("GW-12: what waited is done in order", async () => {
    const waiting: string[] = [];
    connection.state = { kind: "authorizing", waiting, login: undefined };
    for (let i = 0; i < 16; i++) commands.receive(connection, frame(i));
    connection.state = { kind: "anonymous" };
    commands.runWaiting(connection, waiting);
    expect(done).toEqual(Array.from({ length: 16 }, (_, i) => i));
  });

  test("GW-31: what waits behind the fifth broken frame is not done any more", async () => {
    const waiting = [...Array(5).fill("{"), frame("too late")];
    connection.state = { kind: "anonymous" };
    commands.runWaiting(connection, waiting);
    expect(await ended()).toBe(1008);
    expect(done).toEqual([]);
  });

  test("a command that fails after its connection has ended is nobody's any more", async () => {
    commands.receive(connection, frame({}, 4));
    connection.ended();
    late.reject(new Error("the connection has ended"));
    await late.promise.catch(() => {});
    await nextTurn();
    expect(log).toEqual([]);
  });

  test("GW-35: a refusal is answered with its code and the type of its command", async () => {
    socket.send(frame({}, 2).replace("2", "2 "));
    expect(await frames(1)).toEqual([
      { type: Push.ERROR, data: { code: "forbidden", message: "not you", requestType: 2 } },
    ]);
  });

  test("GW-35, OBS-2: a fault of ours is logged with its cause and answered without", async () => {
    const login = { loginId: 7, uid: 20_007, power: 0, name: "ann", avatar: "", expiresAt: 1e15 } as const;
    connection.state = { kind: "live", login };
    socket.send(frame({}, 3));
    const [answer] = await frames(1);
    expect(answer?.data).toMatchObject({ code: "internal", requestType: 3 });
    expect(received.join()).not.toContain("secret");
    expect(log.join()).toContain("a secret of ours");
    expect(JSON.parse(log[0] ?? "{}")).toMatchObject({ connection: "c1", uid: 20_007, type: 3 });
  });

  test("GW-60: a connection over its allowance is told and cut", async () => {
    // Ten more a second would be allowed.
    using time = new StillTime();
    // It stands at a whole number, which may lie before the connection's beginning.
    time.advance(1);
    for (let i = 0; i < 130; i++) socket.send(frame(i));
    expect(await ended()).toBe(1006);
    expect(done).toHaveLength(100);
  });
});
