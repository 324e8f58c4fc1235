import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";
import { clientFrame } from "../packages/server/test/raw-frames.ts";
import { handshakeText } from "../packages/server/test/raw-http.ts";
import type { MeasuredServer } from "./measured-server.ts";
import type { SeededPerson } from "./seed.ts";

export const QR_KINDS = ["WebSocket", "long poll", "short poll, 1 s"] as const;
export type QrKind = (typeof QR_KINDS)[number];

/** For one sign-in: milliseconds of the server's CPU, including the phone's two requests; the requester's requests and bytes. */
export type QrSample = { cpu: number; requests: number; bytes: number };

const SIGN_INS = 60;
const AT_ONCE = 20;
/** A second of the sign-in takes only this long here: its steps cost something, and waiting costs nothing. */
const SECOND_MS = 100;
/** Seconds after the code was shown. */
const SCANNED_AFTER = 3.5;
const CONFIRMED_AFTER = 4.5;
const WAIT_SECONDS = 30;

interface Parts {
  readonly server: MeasuredServer;
  readonly people: readonly SeededPerson[];
}

interface Traffic {
  readonly requests: number;
  readonly bytes: number;
}

/** Some dozens of sign-ins, all in one way. */
export async function signInByQr(kind: QrKind, { server, people }: Parts): Promise<QrSample> {
  const before = server.cpuNanoseconds();
  const traffic: Traffic[] = [];
  let next = 0;
  const one = async () => {
    while (next < SIGN_INS) {
      const { token } = people[next++] as SeededPerson;
      traffic.push(kind === "WebSocket" ? await byWebSocket(server, token) : await byPolls(server, token, kind));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  const cpu = (server.cpuNanoseconds() - before) / 1e6 / SIGN_INS;
  const mean = (of: (one: Traffic) => number) => traffic.reduce((sum, each) => sum + of(each), 0) / SIGN_INS;
  return { cpu, requests: mean(({ requests }) => requests), bytes: mean(({ bytes }) => bytes) };
}

/** POST /qr-logins, then the state: with `wait`, or once a second. */
async function byPolls(server: MeasuredServer, phone: string, kind: QrKind): Promise<Traffic> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let requests = 0;
  let socket: Socket | undefined;
  const ask = (method: string, path: string, headers: Record<string, string> = {}): Promise<never> => {
    requests += 1;
    const { promise, resolve, reject } = Promise.withResolvers<never>();
    const asking = request(`${server.url}/api/v1/qr-logins${path}`, { method, agent, headers }, (reply) => {
      const parts: Buffer[] = [];
      reply.on("data", (part: Buffer) => parts.push(part));
      reply.on("end", () => {
        const text = Buffer.concat(parts).toString();
        if ((reply.statusCode ?? 0) < 300) resolve(JSON.parse(text) as never);
        else reject(new Error(`a QR sign-in was answered ${reply.statusCode}: ${text}`));
      });
    });
    asking.on("socket", (used) => {
      if (socket && socket !== used) reject(new Error("a second connection was opened"));
      socket = used;
    });
    asking.on("error", reject);
    asking.end();
    return promise;
  };
  const { code, secret }: { code: string; secret: string } = await ask("POST", "");
  const phoneDone = phoneOf(server, { token: phone, code });
  const wait = kind === "long poll" ? `?wait=${WAIT_SECONDS}` : "";
  for (;;) {
    if (!wait) await Bun.sleep(SECOND_MS);
    const reply: { state: string; token?: string } = await ask("GET", `/${code}${wait}`, { "X-QR-Secret": secret });
    if (reply.state !== "confirmed") continue;
    if (!reply.token) throw new Error("a QR sign-in ended without a token");
    break;
  }
  await phoneDone;
  const bytes = (socket?.bytesRead ?? 0) + (socket?.bytesWritten ?? 0);
  agent.destroy();
  return { requests, bytes };
}

/** LOGIN on a connection: the code and what becomes of it are pushed, and after LOGIN_SUCCESS the connection is live. */
async function byWebSocket(server: MeasuredServer, phone: string): Promise<Traffic> {
  const { promise: over, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(server.port, "127.0.0.1");
  let text = "";
  let asked = false;
  let phoneDone: Promise<void> | undefined;
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("a QR sign-in's connection was closed")));
  socket.on("connect", () => socket.write(handshakeText({ Host: `127.0.0.1:${server.port}` })));
  socket.on("data", (bytes: Buffer) => {
    // The frames are short JSON text, so what is needed is found without parsing them.
    text += bytes.toString("latin1");
    if (!asked && text.includes("\r\n\r\n")) {
      asked = true;
      socket.write(clientFrame('{"type":1}'));
    }
    const code = /"loginUrl":"[^"]*\/qr\/([^"?]+)"/.exec(text)?.[1];
    if (code && !phoneDone) phoneDone = phoneOf(server, { token: phone, code }).catch(reject);
    if (text.includes('{"type":103')) resolve();
  });
  await over;
  await phoneDone;
  if (!text.includes('{"type":2}') || !text.includes('{"type":3,')) throw new Error("a QR sign-in lacks a push");
  const bytes = socket.bytesRead + socket.bytesWritten;
  socket.destroy();
  return { requests: 1, bytes };
}

async function phoneOf(server: MeasuredServer, { token, code }: { token: string; code: string }): Promise<void> {
  await Bun.sleep(SCANNED_AFTER * SECOND_MS);
  await post(`${server.url}/api/v1/qr-logins/${code}/scan`, token);
  await Bun.sleep((CONFIRMED_AFTER - SCANNED_AFTER) * SECOND_MS);
  await post(`${server.url}/api/v1/qr-logins/${code}/confirm`, token);
}

async function post(address: string, token: string): Promise<void> {
  const reply = await fetch(address, { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  if (!reply.ok) throw new Error(`the phone was answered ${reply.status}: ${await reply.text()}`);
  await reply.arrayBuffer();
}
