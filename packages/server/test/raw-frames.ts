import { withDeadline } from "../src/lib/interval.ts";
import { rawRequest } from "./raw-http.ts";

/** A whole frame as a client sends it (RFC 6455 section 5.2); `first` is its first byte, by default that of the end of a text. */
export function clientFrame(body: string | Buffer, first = 0x81): Buffer {
  const bytes = Buffer.from(body);
  if (bytes.length > 0xffff) throw new Error("no test sends a frame as long as that");
  const length = bytes.length < 126 ? [bytes.length] : [126, bytes.length >> 8, bytes.length & 255];
  const [short = 0, ...long] = length;
  // A mask of zeros leaves the body as it is.
  return Buffer.concat([Buffer.from([first, 0x80 | short, ...long, 0, 0, 0, 0]), bytes]);
}

export interface ServerFrame {
  readonly opcode: number;
  readonly body: Buffer;
  /** The bytes after the frame. */
  readonly rest: Buffer;
}

/** The first frame of what a server sent, which is not masked; undefined until it is complete. */
export function firstFrame(bytes: Buffer): ServerFrame | undefined {
  if (bytes.length < 2) return undefined;
  const opcode = (bytes[0] as number) & 0x0f;
  const short = (bytes[1] as number) & 0x7f;
  const from = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < from) return undefined;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < from + length) return undefined;
  return { opcode, body: bytes.subarray(from, from + length), rest: bytes.subarray(from + length) };
}

/** Upgrades with these bytes and reads the first `count` frames that the server sends. */
export async function frames(port: number, bytes: string | Buffer, count: number): Promise<ServerFrame[]> {
  const { promise: enough, resolve, reject } = Promise.withResolvers<ServerFrame[]>();
  const found: ServerFrame[] = [];
  let behind = Buffer.alloc(0);
  const { socket, answered } = rawRequest({
    url: `http://127.0.0.1:${port}`,
    bytes,
    onBytes: (more) => {
      behind = Buffer.concat([behind, more]);
      for (let frame = firstFrame(behind); frame; frame = firstFrame(behind)) {
        found.push(frame);
        behind = Buffer.from(frame.rest);
      }
      if (found.length >= count) resolve(found.slice(0, count));
    },
    onEnd: () => reject(new Error(`the connection ended after ${found.length} frames`)),
  });
  try {
    await answered;
    return await withDeadline(enough, 5000, `less than ${count} frames`);
  } finally {
    socket.destroy();
  }
}
