import { readFileSync } from "node:fs";
import type { Server as BunServer, TLSOptions } from "bun";
import type { Config } from "./config/config.ts";
import type { Connection } from "./gateway/connection.ts";
import { isWebSocketRequest, type WebSocketDoor } from "./gateway/websocket.ts";
import type { AppBindings } from "./http/app-env.ts";
import { type ClientAddress, clientAddress, type TrustedProxies } from "./http/client-ip.ts";
import { problemResponse } from "./http/errors.ts";
import { requestUrl } from "./http/request-url.ts";
import { withDeadline } from "./lib/interval.ts";
import { ProblemError } from "./lib/problem.ts";

export interface ListenerParts {
  readonly config: Config;
  readonly trusted: TrustedProxies;
  readonly door: WebSocketDoor;
  readonly answer: (request: Request, bindings: AppBindings) => Response | Promise<Response>;
  /** Told of each request, to notice proxies that are not trusted. */
  readonly onAddress: (address: ClientAddress) => void;
}

/** Seconds of silence after which an HTTP connection is cut; a request that waits longer says so itself. */
const HTTP_IDLE_SECONDS = 60;
const GRACE_MS = 3000;
/** Above the API's limit, which answers with a problem document; this one only bounds what is read. */
const BODY_BYTES_MAX = 1_048_576;

/**
 * The ports: the main one with every door, and the second one for live connections where `WS_PORT` is set. Finds out who
 * asks and hands the request to the WebSocket door or to the app.
 */
export function listen(parts: ListenerParts): BunServer<Connection>[] {
  const { port, wsPort } = parts.config.listen;
  const main = serve(parts, port, (request, path) => isWebSocketRequest(request, path));
  if (wsPort === undefined) return [main];
  return [main, serve(parts, wsPort, () => true)];
}

/** Answers what was accepted, then closes; peers that do not let go are cut after a moment. */
export async function stopListening(server: BunServer<Connection>): Promise<void> {
  await withDeadline(server.stop(), GRACE_MS, "requests were cut").catch(() => {});
  await server.stop(true);
}

function serve(
  parts: ListenerParts,
  port: number,
  isLive: (request: Request, path: string) => boolean,
): BunServer<Connection> {
  const { host, tls } = parts.config.listen;
  return Bun.serve<Connection>({
    hostname: host,
    port,
    ...(tls ? { tls: readTls(tls) } : {}),
    idleTimeout: HTTP_IDLE_SECONDS,
    maxRequestBodySize: BODY_BYTES_MAX,
    websocket: parts.door.handlers(),
    fetch: (request, server) => {
      const url = requestUrl(request);
      if (!url) return problemResponse(new ProblemError("invalid", "The Host header is malformed"));
      const peer = server.requestIP(request)?.address;
      const address = clientAddress({ peer, headers: request.headers, trusted: parts.trusted });
      parts.onAddress(address);
      if (isLive(request, url.pathname)) return parts.door.upgrade(request, { server, address });
      // HTTP/1.0 requests without a Host come with a bare path, which the router cannot read.
      const whole = request.url.startsWith("/") ? new Request(url, request) : request;
      return parts.answer(whole, { ip: address.clientIp, address, server });
    },
    error: () => problemResponse(new ProblemError("internal")),
  });
}

function readTls(tls: { certFile: string; keyFile: string }): TLSOptions {
  return { cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) };
}
