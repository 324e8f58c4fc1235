import net from "node:net";
import { loadConfig } from "../src/config/config.ts";
import { readHandshake, refuseHandshake } from "../src/gateway/websocket/handshake.ts";
import { createApp } from "../src/http/app.ts";
import { clientAddress, LOOPBACK_PROXIES, trustedProxies } from "../src/http/client-ip.ts";
import { doctorRoute } from "../src/http/doctor-route.ts";
import { ForwarderWarnings } from "../src/http/forwarder-warning.ts";
import { originVerdict } from "../src/http/origin.ts";
import { after } from "../src/lib/interval.ts";
import { ProblemError } from "../src/lib/problem.ts";
import { Health } from "../src/ops/health.ts";
import { createLogger } from "../src/ops/logger.ts";
import { Metrics } from "../src/ops/metrics.ts";

/** The real parts that the doctor talks to, behind a real listener: shell, doctor route, origins, handshake. */
export function examinedServer(
  proxies: readonly string[] = LOOPBACK_PROXIES,
  settings: Record<string, string> = {},
): Bun.Server<undefined> {
  const trusted = trustedProxies(proxies);
  const health = new Health();
  const logger = createLogger({ level: "silent", sink: { write: () => {} } });
  const forwarders = new ForwarderWarnings({ health, logger, proxies });
  const { config } = loadConfig(settings);
  const { wsPort } = config.listen;
  const app = createApp({
    config,
    logger,
    metrics: new Metrics(),
    health,
    findLogin: async () => undefined,
    routes: [doctorRoute({ trusted, proxies, publicUrl: undefined, wsPort, forwarders })],
  });
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, server) {
      const address = clientAddress({ peer: server.requestIP(request)?.address, headers: request.headers, trusted });
      // Nobody is signed in here.
      if (new URL(request.url).pathname === "/api/v1/events/stream") return new Response(null, { status: 401 });
      if (!["/ws", "/websocket"].includes(new URL(request.url).pathname))
        return app.fetch(request, { ip: address.clientIp, address, server });
      try {
        readHandshake(request);
        const rules = { allowedOrigins: [], publicUrl: undefined, ownPorts: [] };
        const verdict = originVerdict({ headers: request.headers, viaTrusted: address.viaTrusted, rules });
        if (verdict === "foreign") throw new ProblemError("origin_forbidden");
        if (server.upgrade(request)) return undefined;
        throw new ProblemError("handshake_invalid");
      } catch (error) {
        if (error instanceof ProblemError) return refuseHandshake(error);
        throw error;
      }
    },
    websocket: { message: () => {} },
  });
}

export interface ProxyFaults {
  /** Changes the head of each request that opens a TCP connection. */
  readonly rewrite?: (head: string) => string;
  /** Cuts each upgraded connection this many milliseconds after the first frame to its client. */
  readonly cutAfterMs?: number;
}

/** A TCP proxy in front of a port of this machine, with the faults that real ones have. @returns its port and a function that stops it */
export async function faultyProxy(target: number, { rewrite, cutAfterMs }: ProxyFaults) {
  const sockets = new Set<net.Socket>();
  const proxy = net.createServer((client) => {
    const server = net.connect(target, "127.0.0.1");
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        client.destroy();
        server.destroy();
      });
    }
    client.once("data", (first) => {
      const head = first.toString("latin1");
      server.write(Buffer.from(rewrite?.(head) ?? head, "latin1"));
      client.pipe(server);
      if (cutAfterMs === undefined || !head.includes("GET /ws")) return;
      // The answer to the handshake is the first piece.
      let pieces = 0;
      server.on("data", () => {
        pieces += 1;
        if (pieces === 2) after(cutAfterMs, () => client.destroy());
      });
    });
    server.pipe(client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as net.AddressInfo;
  const stop = () => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port, stop };
}
