import { Command, Push } from "@parley/protocol";
import { delay } from "../lib/interval.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { checkCors } from "./doctor-cors.ts";
import { checkEventStream } from "./doctor-sse.ts";
import type { Finding } from "./finding.ts";
import { type Attempt, type TriedConnection, tryWebSocket } from "./try-websocket.ts";

const ANSWER_MS = 10_000;
/** How often clients send HEARTBEAT; proxies see the traffic they will see in service. */
const HEARTBEAT_MS = 10_000;

export interface Examination {
  /** 0: whether idle connections are cut is not checked. */
  readonly idleSeconds: number;
  readonly token: string | undefined;
}

/** Runs the checks one after the other and yields what each found. Never throws for what the other side does. */
export async function* examine(url: URL, { idleSeconds, token }: Examination): AsyncGenerator<Finding> {
  const seen = await askServer(url, token);
  if ("level" in seen) {
    yield seen;
    return;
  }
  yield { level: "ok", text: "the server answers" };
  const from = seen.forwarded === null ? "no forwarding header" : `forwarded for ${seen.forwarded}`;
  yield {
    level: "info",
    text: `it sees the client ${seen.clientIp} (peer ${seen.peerIp}, ${from}) at ${seen.scheme}://${seen.host}`,
  };
  if (seen.trustedProxies)
    yield { level: "info", text: `trusted proxies: ${seen.trustedProxies.join(", ") || "none"}` };
  for (const text of seen.warnings) yield { level: "warn", text };
  yield* addressFindings(url, seen);

  const attempt = await tryWebSocket(new URL("/ws?idle=120", url), { origin: url.origin });
  if (attempt.kind === "open") yield* connectionFindings(attempt.connection, idleSeconds);
  else yield { level: "fail", text: refusalText(attempt, url) };
  yield token === undefined ? TOKEN_NOT_TRIED : await signsIn(url, token);
  yield await otherWayIn(
    new URL("/websocket", url),
    url,
    "Clients that use this path, such as MallChat's, do not get through; let the proxy pass it on like /ws",
  );
  if (seen.wsPort) {
    const second = new URL("/", url);
    second.port = String(seen.wsPort);
    yield await otherWayIn(
      second,
      url,
      "That is right where only your proxy uses WS_PORT; else open it in the firewall",
    );
  }
  yield await checkEventStream(url, token);
  yield await checkCors(url);
}

/** A way by which live connections come in beside /ws. What is wrong there keeps nobody out who uses /ws. */
async function otherWayIn(at: URL, url: URL, otherwise: string): Promise<Finding> {
  const called = at.host === url.host ? at.pathname : `port ${at.port}`;
  const attempt = await tryWebSocket(at, { origin: url.origin });
  if (attempt.kind !== "open") return { level: "warn", text: `${refusalText(attempt, url, called)}. ${otherwise}` };
  const isThrough = await attempt.connection.ping();
  attempt.connection.end();
  if (isThrough) return { level: "ok", text: `a WebSocket connection to ${called} opens too` };
  return {
    level: "warn",
    text: `a WebSocket connection to ${called} opens, but nothing comes through it. ${otherwise}`,
  };
}

interface Seen {
  readonly peerIp: string;
  readonly forwarded: string | null;
  readonly clientIp: string;
  readonly scheme: string;
  readonly host: string;
  readonly warnings: readonly string[];
  readonly trustedProxies: readonly string[] | null;
  /** Absent in older servers. */
  readonly wsPort?: number | null;
}

async function askServer(url: URL, token: string | undefined): Promise<Seen | Finding> {
  const fail = (text: string): Finding => ({ level: "fail", text });
  let response: Response;
  try {
    response = await fetch(new URL("/api/v1/doctor", url), {
      signal: AbortSignal.timeout(ANSWER_MS),
      redirect: "manual",
      headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
    });
  } catch (error) {
    return fail(`cannot reach ${url.origin}: ${unreachable(error, url)}`);
  }
  const { status } = response;
  const location = response.headers.get("location");
  if (status >= 300 && status < 400 && location !== null) {
    return fail(
      `${url.origin} redirects to ${new URL(location, url).origin}: examine that address and give it to clients, because WebSocket does not follow redirects`,
    );
  }
  const document: unknown = await response.json().catch(() => undefined);
  if (status === 503)
    return fail("the server is restarting or overloaded (503), or a proxy cannot reach it; try again");
  if (status === 502 || status === 504)
    return fail(`a proxy answers (${status}), but cannot reach the server behind it`);
  if (status === 401 && token !== undefined)
    return fail("the token of --token is not valid, or a proxy changes the Authorization header");
  if (status !== 200 || !isSeen(document)) {
    return fail(
      `${url.origin}/api/v1/doctor answers ${status}, but not as Parley does: is it another program, or does a proxy not forward /api?`,
    );
  }
  return document;
}

function isSeen(document: unknown): document is Seen {
  return typeof document === "object" && document !== null && "clientIp" in document && "warnings" in document;
}

function unreachable(error: unknown, url: URL): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (error instanceof Error && error.name === "TimeoutError")
    return `no answer within ${ANSWER_MS / 1000} s; is there a firewall in between?`;
  if (code === "ConnectionRefused" || code === "ECONNREFUSED")
    return `nothing listens there; is the server running, and is ${portOf(url)} its port?`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN" || code === "FailedToOpenSocket")
    return `there is no host ${url.hostname}, or its name cannot be looked up`;
  if (/CERT|ISSUER|SELF_SIGNED|VERIFY/i.test(code))
    return `its certificate is not valid (${code}); if you signed it yourself, set NODE_EXTRA_CA_CERTS to its file`;
  return error instanceof Error ? error.message : String(error);
}

function portOf(url: URL): string {
  return url.port || (url.protocol === "https:" ? "443" : "80");
}

/** Wrong names break what the server builds addresses from, and the check of a page's Origin. */
function* addressFindings(url: URL, { scheme, host }: Seen): Generator<Finding> {
  if (host !== url.host) {
    yield {
      level: "warn",
      text: `the server believes that it is at ${host}: let the proxy forward the name (nginx: proxy_set_header Host $http_host;) or set PUBLIC_URL=${url.origin}`,
    };
  } else if (`${scheme}:` !== url.protocol) {
    yield {
      level: "warn",
      text: `the server believes that it is reached by ${scheme}: let the proxy send X-Forwarded-Proto (nginx: proxy_set_header X-Forwarded-Proto $scheme;) or set PUBLIC_URL=${url.origin}`,
    };
  }
}

async function* connectionFindings(connection: TriedConnection, idleSeconds: number): AsyncGenerator<Finding> {
  try {
    if (!(await connection.ping())) {
      yield { level: "fail", text: "a WebSocket connection opens, but nothing comes through it" };
      return;
    }
    yield { level: "ok", text: "a WebSocket connection opens, and frames pass both ways" };
    if (idleSeconds > 0) yield await stays(connection, idleSeconds);
    else yield { level: "skip", text: "idle connections were not checked; --idle 70 does that" };
  } finally {
    connection.end();
  }
}

const TOKEN_NOT_TRIED: Finding = {
  level: "skip",
  text: "whether a token gets through a WebSocket handshake was not checked; --token TOKEN does",
};

/** By a connection of its own: the one that shows whether silence is cut must stay silent. */
async function signsIn(url: URL, token: string): Promise<Finding> {
  const attempt = await tryWebSocket(new URL("/ws?resume=1", url), { origin: url.origin, token });
  if (attempt.kind !== "open") return { level: "fail", text: refusalText(attempt, url) };
  const answer = await attempt.connection.firstOf([Push.LOGIN_SUCCESS, Push.INVALIDATE_TOKEN, Push.READY]);
  attempt.connection.end();
  if (answer === Push.LOGIN_SUCCESS) return { level: "ok", text: "the token signs a WebSocket connection in" };
  const why =
    answer === Push.INVALIDATE_TOKEN
      ? "is not taken on a WebSocket connection, though it is over HTTP: a proxy changes the Sec-WebSocket-Protocol header"
      : "does not sign a WebSocket connection in: a proxy drops the Sec-WebSocket-Protocol header";
  return { level: "fail", text: `the token ${why}` };
}

/** Sends what clients send and nothing more; the server has nothing to say to an anonymous connection. */
async function stays(connection: TriedConnection, seconds: number): Promise<Finding> {
  const started = uptimeMs();
  const end = started + seconds * 1000;
  const ended = connection.ended;
  for (let now = started; now < end; now = uptimeMs()) {
    const outcome = await Promise.race([ended, delay(Math.min(HEARTBEAT_MS, end - now)).then(() => undefined)]);
    if (outcome !== undefined) {
      const after = Math.round((uptimeMs() - started) / 1000);
      if (outcome.kind === "closed")
        return { level: "fail", text: `the server closed the connection after ${after} s, with code ${outcome.code}` };
      return {
        level: "fail",
        text: `the connection was cut after ${after} s without a close frame: a proxy has a shorter limit (nginx: proxy_read_timeout, usually 60s; set it to 1h)`,
      };
    }
    connection.sendText(JSON.stringify({ type: Command.HEARTBEAT }));
  }
  return { level: "ok", text: `a connection without pushes stayed open for ${seconds} s` };
}

/** @param to the path or port that was tried */
function refusalText(attempt: Exclude<Attempt, { kind: "open" }>, url: URL, to = "/ws"): string {
  if (attempt.kind === "failed") return `a WebSocket connection to ${to} fails: ${attempt.message}`;
  const { status, body } = attempt;
  const start = `a WebSocket connection to ${to} is refused with ${status}`;
  const problem = problemOf(body);
  if (problem?.code === "handshake_invalid") {
    return `${start} (${problem.detail}). A proxy drops the headers; in nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;`;
  }
  if (problem?.code === "origin_forbidden") {
    return `${start}: it takes pages of ${url.origin} for those of another host. Let the proxy forward the Host header, or set PUBLIC_URL=${url.origin}`;
  }
  if (problem) return `${start}: ${problem.detail ?? problem.code}`;
  if (status === 404) return `${start}: a proxy does not forward ${to}`;
  return `${start}, by a proxy that does not forward it`;
}

function problemOf(body: string): { code: string; detail?: string } | undefined {
  try {
    const document = JSON.parse(body) as { code?: unknown; detail?: string } | null;
    return typeof document?.code === "string" ? { ...document, code: document.code } : undefined;
  } catch {
    return undefined;
  }
}
