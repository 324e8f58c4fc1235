import { CLOSE_CODES } from "@parley/protocol";
import type { Server, WebSocketHandler } from "bun";
import type { ClientAddress } from "../../http/client-ip.ts";
import { hostCheck } from "../../http/known-host.ts";
import { type HandshakeOriginRules, originVerdict } from "../../http/origin.ts";
import { publicAddress } from "../../http/request-url.ts";
import type { Clock } from "../../lib/clock.ts";
import { randomToken } from "../../lib/ids.ts";
import { ProblemError } from "../../lib/problem.ts";
import { uptimeMs } from "../../lib/uptime.ts";
import type { Logger } from "../../ops/logger.ts";
import type { Metrics } from "../../ops/metrics.ts";
import type { Admission } from "../admission.ts";
import type { Commands } from "../commands.ts";
import { Connection } from "../connection.ts";
import type { ConnectionLifecycle } from "../connection-lifecycle.ts";
import { readHandshake } from "./handshake.ts";

/**
 * The WebSocket transport: the handshake, bytes in both directions, back-pressure, close codes.
 *
 * - Bun's engine speaks the protocol (RFC 6455). docs/runtime-deviations.md lists where it does not do what we need.
 * - Commands arrive here only; what they do is decided in `commands.ts` and `connection-lifecycle.ts`.
 * - Knows nothing of the other transports.
 */

export interface WebSocketParts {
  readonly admission: Admission;
  readonly lifecycle: ConnectionLifecycle;
  readonly commands: Commands;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The origins whose pages may open connections here. */
  readonly origins: HandshakeOriginRules;
  /** Told of each handshake of a page of another host. */
  readonly onForeignOrigin: (origin: string) => void;
  /** A refusal for all new connections, such as `draining`. */
  readonly refusal: () => ProblemError | undefined;
  /** What somebody at a banned address is told. */
  readonly addressRefusal: (ip: string) => ProblemError | undefined;
  readonly idleMs: number;
  readonly maxFrameBytes: number;
  readonly maxQueueBytes: number;
}

/**
 * The engine's own idle timer, at its maximum, so that it never closes anything: outgoing data resets it, so the sweep looks
 * after silent clients. Without the timer (0), what is queued for a closed connection, with the close frame behind it, would be
 * thrown away at the engine's next tick, which comes every 4 s; with it they are written for another 12 to 16 s.
 */
function engineIdleSeconds(idleMs: number): number {
  return idleMs <= 900_000 ? 960 : 0;
}

/** Whether a request on the main port is meant for the WebSocket transport; on `/` only if it asks for an upgrade. */
export function isWebSocketRequest(request: Request, path: string): boolean {
  if (path === "/ws" || path === "/websocket") return true;
  return path === "/" && (request.headers.has("upgrade") || request.headers.has("sec-websocket-key"));
}

/** What `Bun.serve` is given: it answers handshakes and is told what happens on each socket. */
export class WebSocketTransport {
  readonly #parts: WebSocketParts;
  /** The newest connection's; the next one with the same text shares the string. */
  #address = "";

  readonly #checkHost: ReturnType<typeof hostCheck>;

  constructor(parts: WebSocketParts) {
    this.#parts = parts;
    this.#checkHost = hostCheck(parts.origins);
  }

  /**
   * Answers a handshake. One that is refused for a fault of ours is a refusal too.
   * @param from.url as `requestUrl` reads it
   * @param from.requestId goes into the answer of one that is accepted
   */
  async upgrade(
    request: Request,
    from: { server: Server<Connection>; address: ClientAddress; url: URL; requestId: string },
  ): Promise<Connection | ProblemError> {
    const { admission, clock, idleMs, logger, origins, addressRefusal } = this.#parts;
    const { clientIp, viaTrusted } = from.address;
    try {
      const seen = publicAddress(from.url, request.headers, viaTrusted);
      this.#checkHost(seen, from.url);
      const handshake = readHandshake(request, from.url);
      if (originVerdict({ headers: request.headers, viaTrusted, rules: origins }) === "foreign") {
        this.#parts.onForeignOrigin(request.headers.get("origin") ?? "");
        throw new ProblemError("origin_forbidden");
      }
      // A page cannot see a refused handshake, so it is closed with 4003 once it is open; no token is looked at for it.
      if (addressRefusal(clientIp)) admission.countBadToken(clientIp);
      else await admission.admit(clientIp, handshake.token);
      const connection = new Connection({
        id: randomToken(128),
        ip: clientIp,
        userAgent: (request.headers.get("user-agent") ?? "").slice(0, 256),
        address: this.#shared(`${seen.scheme}://${seen.host}`),
        anonymous: handshake.token === null,
        resume: handshake.resume,
        idleMs: handshake.idleMs ?? idleMs,
        connectedAt: clock.now(),
      });
      connection.token = handshake.token;
      // Without this header the runtime would echo the first protocol offered, whatever it is.
      const headers = {
        "X-Request-Id": from.requestId,
        ...(handshake.protocol === null ? {} : { "Sec-WebSocket-Protocol": handshake.protocol }),
      };
      // The runtime calls `open` before this returns.
      if (from.server.upgrade(request, { data: connection, headers })) return connection;
      throw new ProblemError("handshake_invalid");
    } catch (error) {
      if (error instanceof ProblemError) return error;
      logger.error({ err: error }, "a handshake failed");
      return new ProblemError("internal");
    }
  }

  /** For `Bun.serve`. */
  handlers(): WebSocketHandler<Connection> {
    const { lifecycle, admission, commands, metrics, refusal, addressRefusal } = this.#parts;
    const { idleMs, maxFrameBytes, maxQueueBytes } = this.#parts;
    const framesIn = metrics.framesIn.labels("websocket");
    const live = metrics.connections.labels("websocket");
    return {
      maxPayloadLength: maxFrameBytes,
      backpressureLimit: maxQueueBytes,
      // A topic silently drops frames for a reader at its limit; the cut turns that into a gap that the reader notices.
      closeOnBackpressureLimit: true,
      idleTimeout: engineIdleSeconds(idleMs),
      sendPings: false,
      perMessageDeflate: false,
      open: (socket) => {
        const connection = socket.data;
        connection.opened(socket);
        live.inc();
        const refused = refusal();
        if (refused) {
          connection.handshake = "draining";
          return connection.close(1013, `retry=${refused.retryAfterMs ?? 1000}`);
        }
        const banned = addressRefusal(connection.origin.ip);
        if (banned) {
          connection.handshake = "banned";
          return connection.closeKeptOut(banned);
        }
        if (!admission.opened(connection)) {
          connection.handshake = "full";
          return;
        }
        const token = connection.token;
        connection.token = null;
        lifecycle.opened(connection, token);
      },
      message: (socket, data) => {
        const connection = socket.data;
        connection.lastReceivedMs = uptimeMs();
        framesIn.inc();
        commands.receive(connection, typeof data === "string" ? data : undefined);
      },
      ping: (socket) => {
        this.#control(socket.data);
      },
      pong: (socket) => {
        this.#control(socket.data);
      },
      drain: (socket) => socket.data.onDrained(),
      close: (socket, code) => {
        live.dec();
        // Clients may close with any of 2 000 codes; only our own become labels.
        metrics.closes.inc({ code: code in CLOSE_CODES ? String(code) : "other" });
        lifecycle.closed(socket.data);
      },
    };
  }

  #shared(address: string): string {
    if (address !== this.#address) this.#address = address;
    return this.#address;
  }

  /** Control frames count as signs of life, and count against the allowance like all others. */
  #control(connection: Connection): void {
    connection.lastReceivedMs = uptimeMs();
    if (!connection.inbound.takeFrame()) connection.cut();
  }
}
