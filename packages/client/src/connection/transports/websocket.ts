import { Command } from "@parley/protocol/command-type";
import type { WebSocketClass } from "../../lib/surroundings.ts";
import type { Opened, Start, Transport, TransportEvents } from "./transport.ts";

const OPEN = 1;

/** Where servers take upgrades: a proxy may pass on but one of them. */
const PATHS = ["/ws", "/websocket"];

/**
 * The token travels as a subprotocol, since an address ends up in logs. With a cursor the connection resumes, without it is live at once.
 * @param path undefined: the first one that opens, from then on that one alone
 */
export function webSocketTransport(parts: {
  url: string;
  WebSocket: WebSocketClass;
  path?: string | undefined;
}): Transport {
  const { url, WebSocket } = parts;
  let paths = parts.path === undefined ? PATHS : [parts.path];
  return {
    name: "websocket",
    open({ token, cursor, max, idleSeconds, signal }: Start, on: TransportEvents): Opened {
      const query = new URLSearchParams();
      if (cursor !== undefined) query.set("resume", "1");
      if (idleSeconds !== undefined) query.set("idle", String(idleSeconds));
      const search = query.size > 0 ? `?${query}` : "";
      let socket: InstanceType<WebSocketClass>;
      const send = (type: number, data?: object) => {
        if (socket.readyState === OPEN) socket.send(JSON.stringify({ type, data }));
      };
      const connect = ([path, ...others]: readonly string[]) => {
        socket = new WebSocket(`${url.replace(/^http/, "ws")}${path}${search}`, ["parley", token]);
        socket.onopen = () => {
          if (signal.aborted) return socket.close();
          paths = [path as string];
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
          if (signal.aborted) return;
          // None has opened yet.
          if (paths.length > 1 && others.length > 0) connect(others);
          else on.ended({ kind: "closed", code, reason });
        };
      };
      connect(paths);
      signal.addEventListener("abort", () => socket.close(), { once: true });
      return { send };
    },
  };
}
