import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { withDeadline } from "../src/lib/interval.ts";

export interface RawRequest {
  readonly url: string;
  /** With the query. */
  readonly path: string;
  /** Lines such as `Authorization: Bearer …`; `Host` is there already. */
  readonly headers: readonly string[];
  /** What comes behind the answer's head, as it comes. */
  onBytes(bytes: Buffer): void;
  /** The socket has ended, whoever did it; may be called more than once. */
  onEnd(): void;
}

/**
 * One GET request over a bare socket, for clients that do what no library lets them: stop reading, or send whatever bytes.
 * @returns the socket, and the status, which resolves when the answer's head has come
 */
export function rawHandshake(request: RawRequest): { socket: Socket; answered: Promise<number> } {
  const { port, hostname } = new URL(request.url);
  const socket = connect(Number(port), hostname);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let head = Buffer.alloc(0);
  let inBody = false;
  socket.on("data", (data: Buffer) => {
    if (inBody) return request.onBytes(data);
    head = Buffer.concat([head, data]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    inBody = true;
    resolve(Number(head.toString("latin1", 9, 12)));
    request.onBytes(head.subarray(end + 4));
  });
  const end = () => {
    reject(new Error("the server hung up before it answered"));
    request.onEnd();
  };
  socket.on("close", end).on("end", end).on("error", end);
  socket.write([`GET ${request.path} HTTP/1.1`, `Host: ${hostname}:${port}`, ...request.headers, "", ""].join("\r\n"));
  return { socket, answered: withDeadline(promise, 20_000, "the server did not answer") };
}

/** Of a WebSocket handshake (RFC 6455 section 4.1); with a token it goes as subprotocol. */
export function upgradeHeaders(token?: string): string[] {
  return [
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    ...(token === undefined ? [] : [`Sec-WebSocket-Protocol: parley, ${token}`]),
  ];
}

/** The first frame of what a server sent, which is not masked (RFC 6455 section 5.2); undefined while it is not whole. */
export function firstFrame(bytes: Buffer): { opcode: number; payload: Buffer; rest: Buffer } | undefined {
  if (bytes.length < 2) return undefined;
  const opcode = (bytes[0] as number) & 0x0f;
  const short = (bytes[1] as number) & 0x7f;
  const from = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < from) return undefined;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < from + length) return undefined;
  return { opcode, payload: bytes.subarray(from, from + length), rest: bytes.subarray(from + length) };
}
