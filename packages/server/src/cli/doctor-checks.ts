import { Command } from "@parley/protocol";
import { delay } from "../lib/interval.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { checkCors } from "./doctor-cors.ts";
import { checkEventStream } from "./doctor-sse.ts";
import type { Finding } from "./finding.ts";
import { type Attempt, type TriedConnection, tryWebSocket } from "./try-websocket.ts";

const ANSWER_MS = 10_000;
/** How often clients send HEARTBEAT; proxies see the traffic they will see in service. */
const HEARTBEAT_MS = 10_000;

/** Runs the checks one after the other and yields what each found. Never throws for what the other side does. */
export async function* examine(url: URL, idleSeconds: number): AsyncGenerator<Finding> {
  const seen = await askServer(url);
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

  const attempt = await tryWebSocket(new URL("/ws?idle=120", url), url.origin);
  if (attempt.kind === "open") yield* connectionFindings(attempt.connection, idleSeconds);
  else yield { level: "fail", text: refusalText(attempt, url) };
  yield await checkEventStream(url);
  yield await checkCors(url);
}

interface Seen {
  readonly peerIp: string;
  readonly forwarded: string | null;
  readonly clientIp: string;
  readonly scheme: string;
  readonly host: string;
  readonly warnings: readonly string[];
  readonly trustedProxies: readonly string[] | null;
}

async function askServer(url: URL): Promise<Seen | Finding> {
  const fail = (text: string): Finding => ({ level: "fail", text });
  let response: Response;
  try {
    response = await fetch(new URL("/api/v1/doctor", url), {
      signal: AbortSignal.timeout(ANSWER_MS),
      redirect: "manual",
    });
  } catch (error) {
    return fail(`cannot reach ${url.origin}: ${unreachable(error, url)}`);
  }
  const { status } = response;
  const location = response.headers.get("location");
  if (status >= 300 && status < 400 && location !== null) {
    return fail(
      `${url.origin} redirects to ${new URL(location, url).origin}: examine that, and give it to clients, since WebSocket follows no redirects`,
    );
  }
  const document: unknown = await response.json().catch(() => undefined);
  if (status === 503)
    return fail("the server is restarting or overloaded (503), or a proxy cannot reach it; try again");
  if (status === 502 || status === 504)
    return fail(`a proxy answers (${status}), but cannot reach the server behind it`);
  if (status !== 200 || !isSeen(document)) {
    return fail(
      `${url.origin}/api/v1/doctor answers ${status}, but not as Parley: is it another program, or does a proxy not pass /api on?`,
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
    return `no answer in ${ANSWER_MS / 1000} s; is a firewall in between?`;
  if (code === "ConnectionRefused" || code === "ECONNREFUSED")
    return `nothing listens there; is the server running, and is ${portOf(url)} its port?`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN" || code === "FailedToOpenSocket")
    return `there is no host ${url.hostname}, or it cannot be looked up`;
  if (/CERT|ISSUER|SELF_SIGNED|VERIFY/i.test(code)) return `its certificate is not valid (${code})`;
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
      text: `the server believes to be at ${host}: let the proxy pass the name on (nginx: proxy_set_header Host $http_host;) or set PUBLIC_URL=${url.origin}`,
    };
  } else if (`${scheme}:` !== url.protocol) {
    yield {
      level: "warn",
      text: `the server believes to be reached by ${scheme}: let the proxy send X-Forwarded-Proto (nginx: proxy_set_header X-Forwarded-Proto $scheme;) or set PUBLIC_URL=${url.origin}`,
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
    else yield { level: "info", text: "whether idle connections are cut was not checked; --idle 70 does" };
  } finally {
    connection.end();
  }
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
        text: `the connection was cut after ${after} s without a word: a proxy has a shorter limit (nginx: proxy_read_timeout, usually 60s; set it to 1h)`,
      };
    }
    connection.sendText(JSON.stringify({ type: Command.HEARTBEAT }));
  }
  return { level: "ok", text: `a connection without pushes stayed open for ${seconds} s` };
}

function refusalText(attempt: Exclude<Attempt, { kind: "open" }>, url: URL): string {
  if (attempt.kind === "failed") return `a WebSocket connection to /ws fails: ${attempt.message}`;
  const { status, body } = attempt;
  const start = `a WebSocket connection to /ws is refused with ${status}`;
  const problem = problemOf(body);
  if (problem?.code === "handshake_invalid") {
    return `${start} (${problem.detail}). A proxy drops the headers; in nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;`;
  }
  if (problem?.code === "origin_forbidden") {
    return `${start}: pages of ${url.origin} are foreign to it. Let the proxy pass the Host header on, or set PUBLIC_URL=${url.origin}`;
  }
  if (problem) return `${start}: ${problem.detail ?? problem.code}`;
  if (status === 404) return `${start}: a proxy does not pass /ws on`;
  return `${start}, by a proxy that does not pass it on`;
}

function problemOf(body: string): { code: string; detail?: string } | undefined {
  try {
    const document = JSON.parse(body) as { code?: unknown; detail?: string } | null;
    return typeof document?.code === "string" ? { ...document, code: document.code } : undefined;
  } catch {
    return undefined;
  }
}
