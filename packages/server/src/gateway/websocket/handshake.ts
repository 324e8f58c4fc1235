import { LIMITS } from "@parley/protocol";
import { problemResponse } from "../../http/errors.ts";
import { requestUrl } from "../../http/request-url.ts";
import { ProblemError } from "../../lib/problem.ts";

/** What a valid handshake requests. */
export interface Handshake {
  /** Not checked yet; null when the connection starts anonymous. */
  readonly token: string | null;
  /** The subprotocol to answer with; null when none was offered. Pass it to `upgrade`, or Bun answers the first one offered. */
  readonly protocol: string | null;
  /** `?resume=1`: no logged event is sent before RESUME. */
  readonly resume: boolean;
  /** `?idle=` in milliseconds; null when it was not requested. */
  readonly idleMs: number | null;
}

const SUBPROTOCOL = "parley";
const VERSION = "13";

/**
 * Reads the opening handshake (RFC 6455 section 4.2.1). Called once per connection, before Bun's `upgrade`, which lets several
 * broken ones through (no `Connection: Upgrade`, a body) and refuses the others without an explanation. Pure: it touches nothing.
 * @throws ProblemError `method_not_allowed`, `handshake_invalid` or `upgrade_required`, which `refuseHandshake` answers.
 */
export function readHandshake(request: Request, url = requestUrl(request)): Handshake {
  if (request.method !== "GET") throw new ProblemError("method_not_allowed", "A WebSocket handshake is a GET request");
  if (!url) throw invalid(["the Host header is malformed or appears twice"]);
  checkUpgrade(request.headers);
  const offer = readSubprotocol(request.headers.get("sec-websocket-protocol"));
  return {
    token: url.searchParams.get("token") || offer.token,
    protocol: offer.protocol,
    resume: readResume(url.searchParams.get("resume")),
    idleMs: readIdle(url.searchParams.get("idle")),
  };
}

/** The answer to a refused handshake, with the headers that tell the client which versions are supported. */
export function refuseHandshake(error: ProblemError): Response {
  if (error.code === "method_not_allowed") return problemResponse(error, { Allow: "GET" });
  if (error.code !== "upgrade_required") return problemResponse(error);
  return problemResponse(error, { "Sec-WebSocket-Version": VERSION, Upgrade: "websocket", Connection: "Upgrade" });
}

/** Names everything that is wrong at once, so that a client's author or a proxy's admin needs only one try. */
function checkUpgrade(headers: Headers): void {
  const problems: string[] = [];
  if (!hasToken(headers.get("upgrade"), "websocket")) problems.push("the header `Upgrade: websocket` is missing");
  if (!hasToken(headers.get("connection"), "upgrade")) problems.push("the header `Connection: Upgrade` is missing");
  const version = headers.get("sec-websocket-version");
  // With these two headers it is a handshake, perhaps of another version, whose other headers may differ.
  if (problems.length === 0 && version !== VERSION) {
    const got = version === null ? "names no version" : "asks for another version";
    throw new ProblemError("upgrade_required", `This server speaks WebSocket version 13; the handshake ${got}`);
  }
  if (version !== VERSION) problems.push("the header `Sec-WebSocket-Version: 13` is missing");
  const key = headers.get("sec-websocket-key");
  if (key === null) problems.push("the header `Sec-WebSocket-Key` is missing");
  else if (!isKey(key)) problems.push("`Sec-WebSocket-Key` is not 16 bytes in base64, or appears twice");
  // The runtime would read the body as frames.
  const hasBody = headers.has("transfer-encoding") || Number(headers.get("content-length") ?? "0") !== 0;
  if (hasBody) problems.push("a handshake has no body");
  if (problems.length > 0) throw invalid(problems);
}

/** 22 22 characters carry 132 bits; most encoders leave the last 4 of them zero, and nobody reads them. */
function isKey(text: string): boolean {
  return /^[A-Za-z\d+/]{22}==$/.test(text);
}

function hasToken(header: string | null, token: string): boolean {
  return (header ?? "").split(",").some((part) => part.trim().toLowerCase() === token);
}

/**
 * `parley, <token>` is answered `parley`, `parley` alone too. A token alone is echoed, since a browser drops a connection
 * that does not answer with one of its offers.
 */
function readSubprotocol(header: string | null): { token: string | null; protocol: string | null } {
  if (header === null) return { token: null, protocol: null };
  const offers = header.split(",").map((offer) => offer.trim());
  const [first = "", second] = offers;
  const readable = offers.every((offer) => /^[\w!#$%&'*+.^`|~-]+$/.test(offer));
  if (readable && offers.length === 1) return { token: first === SUBPROTOCOL ? null : first, protocol: first };
  if (readable && offers.length === 2 && first === SUBPROTOCOL && second !== SUBPROTOCOL) {
    return { token: second ?? null, protocol: SUBPROTOCOL };
  }
  throw invalid(["`Sec-WebSocket-Protocol` must be `parley`, `parley, <token>` or a token alone"]);
}

function readResume(text: string | null): boolean {
  if (text !== null && text !== "" && text !== "0" && text !== "1") throw invalid(["`resume` must be 1 or absent"]);
  return text === "1";
}

function readIdle(text: string | null): number | null {
  if (text === null || text === "") return null;
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  // A larger number is clamped: a page cannot see why its handshake was refused, but READY tells it what it got.
  if (seconds >= 1) return Math.min(seconds, LIMITS.idleSecondsMax) * 1000;
  throw invalid([`\`idle\` must be whole seconds, at most ${LIMITS.idleSecondsMax}`]);
}

function invalid(problems: readonly string[]): ProblemError {
  const errors = problems.map((message) => ({ path: "", message }));
  return new ProblemError("handshake_invalid", problems.join("; "), { extra: { errors } });
}
