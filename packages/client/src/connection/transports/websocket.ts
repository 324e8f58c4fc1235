import { Command } from "@parley/protocol/command-type";
import type { WebSocketClass } from "../../lib/surroundings.ts";
import type { Opened, Start, Transport, TransportEvents } from "./transport.ts";

const OPEN = 1;

/** The token travels as a subprotocol, since an address ends up in logs. With a cursor the connection resumes, without it is live at once. */
export function webSocketTransport(url: string, WebSocket: WebSocketClass): Transport {
  return {
    name: "websocket",
    open({ token, cursor, max, idleSeconds, signal }: Start, on: TransportEvents): Opened {
      const query = new URLSearchParams();
      if (cursor !== undefined) query.set("resume", "1");
      if (idleSeconds !== undefined) query.set("idle", String(idleSeconds));
      const search = query.size > 0 ? `?${query}` : "";
      const socket = new WebSocket(`${url.replace(/^http/, "ws")}/ws${search}`, ["parley", token]);
      const send = (type: number, data?: object) => {
        if (socket.readyState === OPEN) socket.send(JSON.stringify({ type, data }));
      };
      socket.onopen = () => {
        if (signal.aborted) return socket.close();
        on.opened();
        // It may come before READY, which saves a round trip.
        if (cursor !== undefined) send(Command.RESUME, { cursor, max });
      };
      socket.onmessage = ({ data }: { data: unknown }) => {
        if (signal.aborted) return;
        try {
          on.receive([JSON.parse(String(data))]);
        } catch {
          // Something else speaks here.
          on.ended({ kind: "failed" });
        }
      };
      // A close follows; without a listener some implementations throw.
      socket.onerror = () => {};
      socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
        if (!signal.aborted) on.ended({ kind: "closed", code, reason });
      };
      signal.addEventListener("abort", () => socket.close(), { once: true });
      return { send };
    },
  };
}
