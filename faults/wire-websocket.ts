import { Bytes } from "./bytes.ts";

/** A frame that the server sent; only the parts that are needed are decoded. */
export interface WebSocketFrame {
  readonly kind: "text" | "close" | "other";
  /** Latin-1: one character for each byte. */
  readonly payload: string;
}

/** Reads the WebSocket frames of one side (RFC 6455 section 5.2, here without extensions) from bytes as they come. */
export class WebSocketReader {
  readonly #bytes = new Bytes();
  readonly #isMasked: boolean;
  #fragments = "";

  /** A client masks what it sends; a server must not. */
  constructor(side: "client" | "server") {
    this.#isMasked = side === "client";
  }

  read(chunk: Buffer, on: (frame: WebSocketFrame) => void): void {
    const bytes = this.#bytes.with(chunk);
    let at = 0;
    for (;;) {
      const left = bytes.length - at;
      if (left < 2) break;
      const first = bytes[at] as number;
      const second = bytes[at + 1] as number;
      let length = second & 0x7f;
      let head = 2;
      if (length === 126) {
        if (left < 4) break;
        length = bytes.readUInt16BE(at + 2);
        head = 4;
      } else if (length === 127) {
        if (left < 10) break;
        length = Number(bytes.readBigUInt64BE(at + 2));
        head = 10;
      }
      const isMasked = (second & 0x80) !== 0;
      if ((first & 0x70) !== 0 || isMasked !== this.#isMasked) throw new Error("a frame that may not be sent here");
      if (isMasked) head += 4;
      if (left < head + length) break;
      const content = bytes.subarray(at + head, at + head + length);
      const payload = (isMasked ? unmasked(content, bytes.subarray(at + head - 4, at + head)) : content).toString(
        "latin1",
      );
      at += head + length;
      const opcode = first & 0x0f;
      if (opcode > 1) {
        on({ kind: opcode === 8 ? "close" : "other", payload });
      } else {
        this.#fragments = opcode === 0 ? this.#fragments + payload : payload;
        if ((first & 0x80) !== 0) on({ kind: "text", payload: this.#fragments });
      }
    }
    this.#bytes.keep(bytes, at);
  }
}

function unmasked(content: Buffer, mask: Buffer): Buffer {
  return Buffer.from(content.map((byte, i) => byte ^ (mask[i % 4] as number)));
}

/** The code in the payload of a close frame; 1005 if it has none. */
export function closeCode(payload: string): number {
  return payload.length < 2 ? 1005 : payload.charCodeAt(0) * 256 + payload.charCodeAt(1);
}
