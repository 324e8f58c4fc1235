import type { Server as BunServer } from "bun";
import type { Config } from "./config/config.ts";
import type { TlsPair } from "./config/tls-files.ts";
import type { ConnectedLogin, Connection } from "./gateway/connection.ts";
import { refuseHandshake } from "./gateway/websocket/handshake.ts";
import { isWebSocketRequest, type WebSocketTransport } from "./gateway/websocket/websocket.ts";
import type { AppBindings } from "./http/app-env.ts";
import { type ClientAddress, clientAddress, type TrustedProxies } from "./http/client-ip.ts";
import { problemResponse } from "./http/errors.ts";
import { answersOutsideOfApp, since } from "./http/observe.ts";
import { RequestTurns } from "./http/request-turns.ts";
import { requestUrl } from "./http/request-url.ts";
import { setSecurityHeaders } from "./http/security-headers.ts";
import { newRequestId } from "./lib/ids.ts";
import { delay } from "./lib/interval.ts";
import { ipLimitKey, ipNetworkKey } from "./lib/ip-range.ts";
import { ProblemError } from "./lib/problem.ts";
import type { Rates } from "./limits/rates.ts";

import { ListenFailed } from "./listen-failed.ts";
import type { Logger } from "./ops/logger.ts";
import type { Metrics } from "./ops/metrics.ts";
import { type OpenListener, Ports } from "./ports.ts";

export interface ListenerParts {
  readonly config: Config;
  /** Whether other processes listen on the same ports too. */
  readonly isShared: boolean;
  /** The certificate to begin with; undefined: clear text. */
  readonly tls: TlsPair | undefined;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly trusted: TrustedProxies;
  readonly webSocket: WebSocketTransport;
  readonly answer: (request: Request, bindings: AppBindings) => Response | Promise<Response>;
  /** Count the refusals that an address gets at once; further ones are told late. */
  readonly rates: Pick<Rates, "refusalsAtOnce" | "oddRequestsAtOnce">;
  /** What somebody at a banned address is told; they get nothing else. */
  readonly addressRefusal: (ip: string) => ProblemError | undefined;
  /** Told of each request, to notice proxies that are not trusted. */
  readonly onAddress: (address: ClientAddress) => void;
}

/**
 * Seconds of silence after which an HTTP connection is cut; the runtime does so up to 4 s earlier. Longer than proxies and balancers keep theirs
 * (60 s), so that none sends a request into a connection that is being closed, and than a request may hang. A route that sets another
 * time for its request sets it for the silence behind it too.
 */
export const HTTP_IDLE_SECONDS = 80;
const REFUSED_LATE_MS = 1000;
/**
 * The runtime's own bound, which answers without a problem document. The app refuses a declared length before it reads
 * anything and reads an undeclared one up to its limit only, so this one is out of the way.
 */
const BODY_BYTES_MAX = 2 ** 40;

/**
 * The ports: the main one for everything, and the second one for live connections where `WS_PORT` is set. Finds the client's
 * address and hands the request to the WebSocket transport or to the app.
 * @throws ListenFailed
 */
export async function listen(parts: ListenerParts): Promise<Ports> {
  const { port, wsPort } = parts.config.listen;
  const ofPort = { ...parts, turns: new RequestTurns() };
  const opens = [opener(ofPort, { port, variable: "PORT" }, isWebSocketRequest)];
  if (wsPort !== undefined) opens.push(opener(ofPort, { port: wsPort, variable: "WS_PORT" }, () => true));
  const listeners: BunServer<Connection>[] = [];
  try {
    for (const open of opens)
      listeners.push(parts.isShared ? open({ tls: parts.tls }) : await openedFirst(open, parts.tls));
  } catch (error) {
    for (const listener of listeners) void listener.stop(true);
    throw error;
  }
  return new Ports(opens, listeners);
}

/** Opens the ports and closes them at once: a start that cannot have them should fail before it has made anything. @throws ListenFailed */
export async function checkPorts({ host, port, wsPort }: Config["listen"]): Promise<void> {
  const ports = [
    { port, variable: "PORT" as const },
    { port: wsPort ?? 0, variable: "WS_PORT" as const },
  ];
  for (const at of ports) {
    if (at.port === 0) continue;
    try {
      await Bun.serve({ hostname: host, port: at.port, fetch: () => new Response() }).stop(true);
    } catch (error) {
      throw new ListenFailed(error, { host, ...at });
    }
  }
}

/**
 * A port whose certificate may be renewed is shared with the listeners to come, and so would be with another program of this user. So it
 * is opened for itself alone first, which fails where something else listens there.
 */
async function openedFirst(open: OpenListener, tls: TlsPair | undefined): Promise<BunServer<Connection>> {
  const alone = open({ tls: undefined });
  if (!tls) return alone;
  const port = alone.port as number;
  await alone.stop(true);
  return open({ tls, port });
}

/** Both ports share the turns of the one event loop. */
type PortParts = ListenerParts & { readonly turns: RequestTurns };

type IsForWebSocket = (request: Request, path: string) => boolean;

function opener(
  parts: PortParts,
  at: { port: number; variable: "PORT" | "WS_PORT" },
  isForWebSocket: IsForWebSocket,
): OpenListener {
  return ({ tls, port = at.port }) => {
    try {
      return serve(parts, { port, tls }, isForWebSocket);
    } catch (error) {
      throw new ListenFailed(error, { host: parts.config.listen.host, ...at });
    }
  };
}

function serve(
  parts: PortParts,
  { port, tls }: { port: number; tls: TlsPair | undefined },
  isForWebSocket: IsForWebSocket,
): BunServer<Connection> {
  const { host } = parts.config.listen;
  const outside = answersOutsideOfApp({ ...parts, tls: tls !== undefined });
  const handshake = async (
    request: Request,
    { server, address, url }: { server: BunServer<Connection>; address: ClientAddress; url: URL },
  ) => {
    const startedAt = performance.now();
    const requestId = newRequestId();
    const upgraded = await parts.webSocket.upgrade(request, { server, address, url, requestId });
    const ip = address.clientIp;
    const answer = { route: "/ws", path: url.pathname, ip, requestId };
    if (upgraded instanceof ProblemError) {
      const response = refuseHandshake(upgraded);
      await inTime(request, ip, response);
      return outside(request, { ...answer, ms: since(startedAt), response, outcome: upgraded.code });
    }
    const accepted = { ...answer, ms: since(startedAt), response: undefined, connection: upgraded.origin.id };
    const { method } = request;
    const record = (outcome: string, login?: ConnectedLogin) =>
      void outside({ method }, { ...accepted, outcome, login });
    if (upgraded.closed || upgraded.origin.anonymous) record(upgraded.handshake);
    else upgraded.onTokenChecked = record;
    return undefined;
  };
  /** Resolves when the refusal may be told: at once, or late where the address has had many. */
  const inTime = async (request: Request, ip: string, { status }: Response) => {
    const rate = status === 429 ? parts.rates.refusalsAtOnce : parts.rates.oddRequestsAtOnce;
    if (!rate.tryTake(ipNetworkKey(ip) ?? ipLimitKey(ip))) await delay(REFUSED_LATE_MS, request.signal);
  };
  const withoutAddress = async (request: Request, ip: string) => {
    const startedAt = performance.now();
    const response = problemResponse(new ProblemError("invalid", "The Host header is malformed"));
    await inTime(request, ip, response);
    return outside(request, { route: "none", path: pathOf(request.url), ip, ms: since(startedAt), response });
  };
  const answer = (request: Request, { server, address }: { server: BunServer<Connection>; address: ClientAddress }) => {
    const url = requestUrl(request);
    if (!url) return withoutAddress(request, address.clientIp);
    if (isForWebSocket(request, url.pathname)) return handshake(request, { server, address, url });
    // HTTP/1.0 requests without a Host come with a bare path, which the router cannot read.
    const whole = request.url.startsWith("/") ? new Request(url, request) : request;
    return parts.answer(whole, { ip: address.clientIp, address, server });
  };
  /** Nothing is looked at, and no turn is waited for. A handshake goes on: it is closed when it is open, since pages see no other refusal. */
  const refuseBanned = (request: Request, { clientIp: ip }: ClientAddress, banned: ProblemError) => {
    const startedAt = performance.now();
    const path = requestUrl(request)?.pathname;
    if (path !== undefined && isForWebSocket(request, path)) return undefined;
    const response = problemResponse(banned);
    response.headers.set("Connection", "close");
    return outside(request, { route: "none", path: path ?? pathOf(request.url), ip, ms: since(startedAt), response });
  };
  return Bun.serve<Connection>({
    hostname: host,
    port,
    ...(tls ? { tls: { ...tls } } : {}),
    reusePort: tls !== undefined || parts.isShared,
    idleTimeout: HTTP_IDLE_SECONDS,
    maxRequestBodySize: BODY_BYTES_MAX,
    websocket: parts.webSocket.handlers(),
    fetch: (request, server) => {
      const peer = server.requestIP(request)?.address;
      const address = clientAddress({ peer, headers: request.headers, trusted: parts.trusted });
      parts.onAddress(address);
      const banned = parts.addressRefusal(address.clientIp);
      const refused = banned && refuseBanned(request, address, banned);
      if (refused) return refused;
      const begin = () => answer(request, { server, address });
      const turn = parts.turns.turnOf(address.clientIp, request);
      return turn ? turn.then((isThere) => (isThere ? begin() : new Response(null))) : begin();
    },
    error: (error) => {
      const requestId = newRequestId();
      parts.logger.error({ err: error, requestId }, "request failed");
      const response = problemResponse(new ProblemError("internal"), { "X-Request-Id": requestId });
      setSecurityHeaders(response, { tls: tls !== undefined });
      return response;
    },
  });
}

/** Where a browser on this machine finds the server. */
export function addressOf({ listen: { host, tls } }: Config, port: number): string {
  const name = host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  return `${tls ? "https" : "http"}://${name}:${port}`;
}

/** Of an address that cannot be parsed, for the log. */
function pathOf(address: string): string {
  return address.replace(/^https?:\/\/[^/?]*/, "").replace(/\?.*$/s, "");
}
