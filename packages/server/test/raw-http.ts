import net from "node:net";
import { LIMITS } from "@parley/protocol";
import { type Handshake, readHandshake, refuseHandshake } from "../src/gateway/websocket/handshake.ts";
import { withDeadline } from "../src/lib/interval.ts";
import { ProblemError } from "../src/lib/problem.ts";

/** The sample of RFC 6455 section 1.3; its Sec-WebSocket-Accept is SAMPLE_ACCEPT. */
export const SAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ==";
export const SAMPLE_ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

export interface Reply {
  /** 0 when the connection ended without an answer. */
  readonly status: number;
  readonly head: string;
  readonly headers: Headers;
  readonly body: string;
}

/** A header's value; several for several lines, null to leave out one that `handshakeText` has by itself. */
export type HeaderLines = Record<string, string | readonly string[] | null>;

/** The bytes of a handshake, valid unless changed. */
export function handshakeText(changes: HeaderLines = {}, line = "GET /ws HTTP/1.1"): string {
  const headers: HeaderLines = {
    Host: "localhost",
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": SAMPLE_KEY,
    ...changes,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : value === null ? [] : [value]).map((one: string) => `${name}: ${one}\r\n`),
  );
  return `${line}\r\n${lines.join("")}\r\n`;
}

/** A masked frame of at most 125 bytes, as a client sends it; `first` is its first byte, the end of a text when absent. */
export function clientFrame(body: string | Buffer, first = 0x81): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from([first, 0x80 | bytes.length, 0, 0, 0, 0]), bytes]);
}

/** Writes bytes as they are over real TCP and reads one answer: its head, and the body its Content-Length announces. */
export async function exchange(port: number, bytes: string | Buffer): Promise<Reply> {
  const socket = net.connect(port, "127.0.0.1");
  let received = Buffer.alloc(0);
  const answer = new Promise<Reply>((resolve) => {
    const finish = () => resolve(parse(received));
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (isComplete(received)) finish();
    });
    socket.on("error", finish);
    socket.on("close", finish);
  });
  socket.write(bytes);
  try {
    return await withDeadline(answer, 5000, `no answer; so far: ${received.toString("latin1")}`);
  } finally {
    socket.destroy();
  }
}

export interface Frame {
  readonly opcode: number;
  readonly body: Buffer;
}

/** Upgrades and reads the first `count` frames that the server sends (of at most 125 bytes each). */
export async function frames(port: number, bytes: string | Buffer, count: number): Promise<Frame[]> {
  const socket = net.connect(port, "127.0.0.1");
  let received = Buffer.alloc(0);
  const enough = new Promise<Frame[]>((resolve, reject) => {
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const found = framesIn(received.subarray(received.indexOf("\r\n\r\n") + 4));
      if (found.length >= count) resolve(found.slice(0, count));
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`closed; got: ${received.toString("latin1")}`)));
  });
  socket.write(bytes);
  try {
    return await withDeadline(enough, 5000, `less than ${count} frames`);
  } finally {
    socket.destroy();
  }
}

function framesIn(bytes: Buffer): Frame[] {
  const found: Frame[] = [];
  let at = 0;
  while (at + 2 <= bytes.length) {
    const end = at + 2 + (bytes[at + 1] ?? 0);
    if (end > bytes.length) break;
    found.push({ opcode: (bytes[at] ?? 0) & 15, body: bytes.subarray(at + 2, end) });
    at = end;
  }
  return found;
}

function isComplete(received: Buffer): boolean {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const { status, headers } = parse(received);
  if (status === 101) return true;
  const length = headers.get("content-length");
  return length !== null && received.length >= end + 4 + Number(length);
}

function parse(received: Buffer): Reply {
  const text = received.toString("latin1");
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const headers = new Headers();
  for (const line of head.split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, headers, body: rest.join("\r\n\r\n") };
}

/**
 * A real listener with the door's own handshake in front of the runtime's `upgrade`. `/plain` upgrades without it, to see what
 * the runtime does by itself; other paths answer what the server saw. An open connection tells first what it was opened with.
 */
export function handshakeServer(
  onClose: (code: number, reason: string) => void = () => {},
): Bun.Server<{ handshake: Handshake | null }> {
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request, server) {
      if (!request.url.includes("/ws") && !request.url.includes("/plain")) {
        return Response.json({ method: request.method, url: request.url, host: request.headers.get("host") });
      }
      if (request.url.includes("/plain")) {
        const upgraded = server.upgrade(request, { data: { handshake: null } });
        return upgraded ? undefined : new Response("refused by the runtime", { status: 400 });
      }
      try {
        const handshake = readHandshake(request);
        const headers = handshake.protocol === null ? {} : { "Sec-WebSocket-Protocol": handshake.protocol };
        if (server.upgrade(request, { data: { handshake }, headers })) return undefined;
        throw new Error("the runtime refused a handshake that passed ours");
      } catch (error) {
        if (error instanceof ProblemError) return refuseHandshake(error);
        throw error;
      }
    },
    websocket: {
      data: {} as { handshake: Handshake | null },
      open: (socket) => void socket.send(JSON.stringify(socket.data.handshake)),
      message: (socket, text) => void socket.send(text),
      close: (_, code, reason) => onClose(code, reason),
      maxPayloadLength: LIMITS.frameBytes,
    },
  });
}
