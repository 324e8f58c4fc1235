import { Command, Push } from "@parley/protocol";
import type { Person } from "../harness.ts";
import { FrameLog, type Reader, type Start, type Transport } from "./reader.ts";

/** Any client's WebSocket: with a cursor it asks to resume, without one it is live at once. */
export const websocket: Transport = {
  name: "websocket",
  async open(url: string, person: Person | null, { cursor, max }: Start = {}): Promise<Reader> {
    const log = new FrameLog(cursor);
    const address = `${url.replace(/^http/, "ws")}/ws${cursor === undefined ? "" : "?resume=1"}`;
    const socket = new WebSocket(address, person ? ["parley", person.token] : []);
    socket.addEventListener("message", ({ data }) => log.add(JSON.parse(String(data))));
    socket.addEventListener("close", ({ code }) => log.end(code));
    const beat = setInterval(() => socket.send(JSON.stringify({ type: Command.HEARTBEAT })), 10_000);
    socket.addEventListener("close", () => clearInterval(beat));
    const last = person ? Push.RED_DOT : Push.READY;
    // It may end before it has them all.
    const hasBegun = () => log.ended !== undefined || log.frames.some(({ type }) => type === last);
    await log.until(hasBegun, "the first frames");
    if (cursor !== undefined && log.ended === undefined)
      socket.send(JSON.stringify({ type: Command.RESUME, data: { cursor, max } }));
    return {
      frames: log.frames,
      get ended() {
        return log.ended;
      },
      until: log.until.bind(log),
      cursor: () => log.cursor(),
      close: () => socket.close(),
    };
  },
};
