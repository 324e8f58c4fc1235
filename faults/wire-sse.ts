import { Bytes } from "./bytes.ts";

/** One block of an event stream (HTML Living Standard, section 9.2.6), as far as our servers write it. */
export interface SseBlock {
  readonly id: string | undefined;
  /** Latin-1; undefined for a comment or a `retry:`. */
  readonly data: string | undefined;
}

/** Reads the body of an event stream from bytes as they come. */
export class SseReader {
  readonly #bytes = new Bytes();

  read(chunk: Buffer, on: (block: SseBlock) => void): void {
    const bytes = this.#bytes.with(chunk);
    let at = 0;
    for (;;) {
      const end = bytes.indexOf("\n\n", at, "latin1");
      if (end < 0) break;
      const block = bytes.toString("latin1", at, end);
      at = end + 2;
      let id: string | undefined;
      let data: string | undefined;
      for (const line of block.split("\n")) {
        if (line.startsWith("id: ")) id = line.slice(4);
        else if (line.startsWith("data: ")) data = line.slice(6);
      }
      on({ id, data });
    }
    this.#bytes.keep(bytes, at);
  }
}
