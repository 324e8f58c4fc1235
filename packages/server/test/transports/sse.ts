import { Push } from "@parley/protocol";
import type { Person } from "../harness.ts";
import { FrameLog, type Reader, refusal, type Start, type Transport } from "./reader.ts";

/** An event stream, read as the HTML Living Standard says (section 9.2.6), by a client that keeps the ids. */
export const sse: Transport = {
  name: "sse",
  async open(url: string, person: Person | null, start: Start = {}): Promise<Reader> {
    const log = new FrameLog(start.cursor);
    const abort = new AbortController();
    const query = new URLSearchParams(person ? { token: person.token } : {});
    if (start.cursor !== undefined) query.set("cursor", start.cursor);
    if (start.max !== undefined) query.set("max", String(start.max));
    const response = await fetch(`${url}/api/v1/events/stream?${query}`, { signal: abort.signal });
    if (response.status !== 200) throw await refusal(response);
    read(response.body as ReadableStream<Uint8Array>, log).then(
      () => log.end(0),
      () => log.end(1006),
    );
    // It may end before it begins.
    const hasBegun = () => log.ended !== undefined || log.frames[0]?.type === Push.READY;
    await log.until(hasBegun, "READY as the first frame");
    return {
      frames: log.frames,
      get ended() {
        return log.ended;
      },
      until: log.until.bind(log),
      cursor: () => log.cursor(),
      close: () => abort.abort(),
    };
  },
};

async function read(body: ReadableStream<Uint8Array>, log: FrameLog): Promise<void> {
  let rest = "";
  for await (const text of body.pipeThrough(new TextDecoderStream() as never) as unknown as AsyncIterable<string>) {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() as string;
    for (const block of blocks) {
      const fields = new Map(block.split("\n").map((line) => line.split(/: ?(.*)/s).slice(0, 2) as [string, string]));
      const data = fields.get("data");
      if (data !== undefined) log.add(JSON.parse(data), fields.get("id"));
    }
  }
}
