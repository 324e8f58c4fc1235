import { LIMITS } from "@parley/protocol";
import { type Handshake, readHandshake, refuseHandshake } from "../src/gateway/websocket/handshake.ts";
import { ProblemError } from "../src/lib/problem.ts";

/**
 * A real listener with the door's own handshake in front of the runtime's `upgrade`. `/plain` upgrades without it, to see what
 * the runtime does by itself; other paths answer what the server saw. An open connection first says what it was opened with.
 */
export function handshakeServer(
  onClose: (code: number, reason: string) => void = () => {},
): Bun.Server<{ handshake: Handshake | null }> {
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request, server) {
      if (!request.url.includes("/ws") && !request.url.includes("/plain")) {
        return Response.json({ method: request.method, url: request.url, host: request.headers.get("host") });
      }
      if (request.url.includes("/plain")) {
        const upgraded = server.upgrade(request, { data: { handshake: null } });
        return upgraded ? undefined : new Response("refused by the runtime", { status: 400 });
      }
      try {
        const handshake = readHandshake(request);
        const headers = handshake.protocol === null ? {} : { "Sec-WebSocket-Protocol": handshake.protocol };
        if (server.upgrade(request, { data: { handshake }, headers })) return undefined;
        throw new Error("the runtime refused a handshake that passed ours");
      } catch (error) {
        if (error instanceof ProblemError) return refuseHandshake(error);
        throw error;
      }
    },
    websocket: {
      data: {} as { handshake: Handshake | null },
      open: (socket) => void socket.send(JSON.stringify(socket.data.handshake)),
      message: (socket, text) => void socket.send(text),
      close: (_, code, reason) => onClose(code, reason),
      maxPayloadLength: LIMITS.frameBytes,
    },
  });
}
