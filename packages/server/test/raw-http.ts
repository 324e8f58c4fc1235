import { connect, type Socket } from "node:net";
import { withDeadline } from "../src/lib/interval.ts";

/** The sample of RFC 6455 section 1.3; its Sec-WebSocket-Accept is SAMPLE_ACCEPT. */
export const SAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ==";
export const SAMPLE_ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/** A header's value; several values make several lines, and null leaves out a header that would be there by default. */
export type HeaderLines = Record<string, string | readonly string[] | null>;

/** The bytes of a request without a body. */
export function requestText(line: string, headers: HeaderLines): string {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : value === null ? [] : [value]).map((one: string) => `${name}: ${one}\r\n`),
  );
  return `${line}\r\n${lines.join("")}\r\n`;
}

/** The bytes of a handshake (RFC 6455 section 4.1), valid unless changed. */
export function handshakeText(changes: HeaderLines = {}, line = "GET /ws HTTP/1.1"): string {
  return requestText(line, {
    Host: "localhost",
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": SAMPLE_KEY,
    ...changes,
  });
}

export interface RawRequest {
  /** The server's URL; only host and port count. */
  readonly url: string;
  readonly bytes: string | Buffer;
  /** The bytes after the answer's head, as they come. */
  onBytes(bytes: Buffer): void;
  /** The socket has ended, whoever ended it; may be called more than once. */
  onEnd(): void;
}

export interface Head {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/**
 * One request over a bare socket, for clients that do what no library lets them: stop reading, or send whatever bytes.
 * @returns the socket, and the head of the answer, which is awaited for 20 s at most
 */
export function rawRequest(request: RawRequest): { socket: Socket; answered: Promise<Head> } {
  const { port, hostname } = new URL(request.url);
  const socket = connect(Number(port), hostname);
  const { promise, resolve, reject } = Promise.withResolvers<Head>();
  let received = Buffer.alloc(0);
  let inBody = false;
  socket.on("data", (data: Buffer) => {
    if (inBody) return request.onBytes(data);
    received = Buffer.concat([received, data]);
    const end = received.indexOf("\r\n\r\n");
    if (end < 0) return;
    inBody = true;
    resolve(headOf(received.toString("latin1", 0, end)));
    request.onBytes(received.subarray(end + 4));
  });
  const end = () => {
    reject(new Error("the server hung up before it answered"));
    request.onEnd();
  };
  socket.on("close", end).on("end", end).on("error", end);
  socket.write(request.bytes);
  return { socket, answered: withDeadline(promise, 20_000, "the server did not answer") };
}

export interface Reply {
  /** 0 when the connection ended without an answer. */
  readonly status: number;
  readonly head: string;
  readonly headers: Headers;
  readonly body: string;
}

/** Writes bytes as they are over real TCP and reads one answer: its head, and the body its Content-Length announces. */
export async function exchange(port: number, bytes: string | Buffer): Promise<Reply> {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  let body = Buffer.alloc(0);
  let wanted = Number.POSITIVE_INFINITY;
  const { socket, answered } = rawRequest({
    url: `http://127.0.0.1:${port}`,
    bytes,
    onBytes: (more) => {
      body = Buffer.concat([body, more]);
      if (body.length >= wanted) end();
    },
    onEnd: end,
  });
  try {
    const hungUp = () => undefined;
    const head = await withDeadline(answered.catch(hungUp), 20_000, "no answer");
    if (!head) return { status: 0, head: "", headers: new Headers(), body: "" };
    const { status, headers, text } = head;
    const length = headers.get("content-length");
    if (status === 101) wanted = 0;
    else if (length !== null) wanted = Number(length);
    if (body.length < wanted) await withDeadline(ended, 20_000, `no end of the answer; so far: ${body}`);
    return { status, head: text, headers, body: body.toString("latin1") };
  } finally {
    socket.destroy();
  }
}

function headOf(text: string): Head {
  const headers = new Headers();
  for (const line of text.split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text, headers };
}
