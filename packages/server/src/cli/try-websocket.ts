import { createHash, randomBytes } from "node:crypto";
import http from "node:http";
import https from "node:https";
import type { Duplex } from "node:stream";
import { withDeadline } from "../lib/interval.ts";

/** The result of a handshake: an open connection, an answer that refuses it, or no answer at all. */
export type Attempt =
  | { readonly kind: "open"; readonly connection: TriedConnection }
  | { readonly kind: "refused"; readonly status: number; readonly body: string }
  | { readonly kind: "failed"; readonly message: string };

/** How an open connection ended: with a close frame, which only the two ends send, or cut by something in between. */
export type Ending = { readonly kind: "closed"; readonly code: number } | { readonly kind: "cut" };

const ANSWER_MS = 10_000;

/**
 * Opens a WebSocket connection as a browser would, with an Origin, and reports the HTTP answer when it is refused, which
 * WebSocket clients hide. For diagnosis only. Never rejects.
 * @param from.token signs in by the handshake
 */
export async function tryWebSocket(
  url: URL,
  { origin, token }: { origin: string; token?: string | undefined },
): Promise<Attempt> {
  const key = randomBytes(16).toString("base64");
  const request = (url.protocol === "https:" ? https : http).request(url, {
    headers: {
      Upgrade: "websocket",
      Connection: "Upgrade",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": key,
      Origin: origin,
      // As the client sends it; a proxy may drop it.
      ...(token === undefined ? {} : { "Sec-WebSocket-Protocol": `parley, ${token}` }),
    },
  });
  const attempt = new Promise<Attempt>((resolve) => {
    request.on("upgrade", (response, socket, head) => {
      const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      if (response.headers["sec-websocket-accept"] === accept) {
        return resolve({ kind: "open", connection: new TriedConnection(socket, head) });
      }
      socket.destroy();
      resolve({
        kind: "failed",
        message: "the answer's Sec-WebSocket-Accept is wrong: something in between answers without the server",
      });
    });
    request.on("response", (response) => {
      let body = "";
      response.on("data", (chunk) => {
        // Enough for a problem document; a proxy's error page may be long.
        if (body.length < 10_000) body += chunk;
      });
      response.on("end", () => resolve({ kind: "refused", status: response.statusCode ?? 0, body }));
    });
    request.on("error", (error) => resolve({ kind: "failed", message: error.message }));
    request.end();
  });
  return withDeadline(attempt, ANSWER_MS, `no answer to the handshake within ${ANSWER_MS / 1000} s`).catch(
    (error: Error) => {
      request.destroy();
      return { kind: "failed", message: error.message };
    },
  );
}

/** Texts are kept until somebody asks for them, and what comes later is dropped: a server says a few things at first. */
const TEXTS_KEPT = 20;

/** An open connection that answers nothing; its server may close it when it has waited long enough. */
export class TriedConnection {
  readonly #texts: string[] = [];
  #onText: () => void = () => {};
  readonly ended: Promise<Ending>;
  readonly #socket: Duplex;
  #received: Buffer;
  #onPong: () => void = () => {};

  constructor(socket: Duplex, head: Buffer) {
    this.#socket = socket;
    this.#received = head;
    this.ended = new Promise((resolve) => {
      const read = () => {
        const code = this.#readFrames();
        if (code !== undefined) resolve({ kind: "closed", code });
      };
      socket.on("data", (chunk: Buffer) => {
        this.#received = Buffer.concat([this.#received, chunk]);
        read();
      });
      // What came in one piece with the answer to the handshake.
      read();
      for (const event of ["end", "close", "error"]) socket.on(event, () => resolve({ kind: "cut" }));
    });
  }

  /** Whether frames pass in both directions. */
  async ping(): Promise<boolean> {
    const pong = new Promise<true>((resolve) => {
      this.#onPong = () => resolve(true);
    });
    this.#write(0x89, "");
    const lost = this.ended.then(() => false);
    return withDeadline(Promise.race([pong, lost]), ANSWER_MS, "no pong").catch(() => false);
  }

  /** @returns the type of the first frame that is of one of these types; undefined when none comes */
  async firstOf(types: readonly number[]): Promise<number | undefined> {
    const found = new Promise<number>((resolve) => {
      this.#onText = () => {
        const type = this.#texts.map(typeOf).find((one) => one !== undefined && types.includes(one));
        if (type !== undefined) resolve(type);
      };
      this.#onText();
    });
    const lost = this.ended.then(() => undefined);
    return withDeadline(Promise.race([found, lost]), ANSWER_MS, "no frame").catch(() => undefined);
  }

  sendText(text: string): void {
    this.#write(0x81, text);
  }

  end(): void {
    this.#socket.destroy();
  }

  /** Of at most 125 bytes. The mask is zero, which the protocol allows where there is nothing to hide from caches. */
  #write(first: number, text: string): void {
    const body = Buffer.from(text);
    if (!this.#socket.destroyed)
      this.#socket.write(Buffer.concat([Buffer.from([first, 0x80 | body.length, 0, 0, 0, 0]), body]));
  }

  /** @returns the code of a close frame, 1005 when it has none */
  #readFrames(): number | undefined {
    for (;;) {
      const bytes = this.#received;
      const short = (bytes[1] ?? 0) & 127;
      const header = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (bytes.length < header) return undefined;
      const length = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
      if (bytes.length < header + length) return undefined;
      const opcode = (bytes[0] ?? 0) & 15;
      const body = bytes.subarray(header, header + length);
      this.#received = bytes.subarray(header + length);
      if (opcode === 8) return body.length >= 2 ? body.readUInt16BE(0) : 1005;
      if (opcode === 10) this.#onPong();
      if (opcode === 1 && this.#texts.length < TEXTS_KEPT) {
        this.#texts.push(body.toString());
        this.#onText();
      }
    }
  }
}

function typeOf(text: string): number | undefined {
  try {
    const { type } = JSON.parse(text) as { type?: unknown };
    return typeof type === "number" ? type : undefined;
  } catch {
    return undefined;
  }
}
