import { Bytes } from "./bytes.ts";

/** What was read of a frame of the server; only what may be looked at is decoded. */
export interface WebSocketFrame {
  readonly kind: "text" | "close" | "other";
  /** Latin-1: one character for each byte. */
  readonly payload: string;
}

/** Reads a server's WebSocket frames (RFC 6455 section 5.2: not masked, here without extensions) from bytes as they come. */
export class WebSocketReader {
  readonly #bytes = new Bytes();
  #fragments = "";

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
      if (left < head + length) break;
      if ((first & 0x70) !== 0 || (second & 0x80) !== 0) throw new Error("a frame that no server may send here");
      const payload = bytes.toString("latin1", at + head, at + head + length);
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

/** The code in the payload of a close frame; 1005 where there is none. */
export function closeCode(payload: string): number {
  return payload.length < 2 ? 1005 : payload.charCodeAt(0) * 256 + payload.charCodeAt(1);
}
