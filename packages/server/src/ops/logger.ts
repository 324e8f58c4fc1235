/**
 * What the operator sees: log lines, metrics, health. Any room may use this one; it knows none of them. Log lines are JSON
 * on stdout, one per line, and never hold a token, a password, a QR secret or a query string. Nothing here writes files.
 * Must not import features, http or gateway.
 */
import pino from "pino";
import type { LoginId } from "../lib/login-id.ts";
import { LogOutput } from "./log-output.ts";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
export type Logger = pino.Logger;

/** Field names whose values never reach the log, at the top and one level down; deeper would cost every line 30 µs. */
const SECRET_FIELDS = [
  "token",
  "password",
  "passwordHash",
  "secret",
  "authorization",
  "cookie",
  "query",
  "metricsToken",
];
const redact = {
  paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]),
  censor: "[hidden]",
};

/** Where lines go. */
export interface LogSink {
  write(line: string): void;
  /** Calls back when the lines are where they belong, or when waiting makes no sense. */
  flush?(done: () => void): void;
}

/**
 * The logger of a process: its lines go to standard output, and nobody waits for them (`log-output.ts`).
 * @param options.isShared other processes write there too, so each line has the pid of its own
 */
export function processLogger(level: LogLevel, { isShared = false } = {}): Logger {
  const sink = new LogOutput({ isShared });
  const logger = createLogger({ level, sink, ofAll: isShared ? { process: process.pid } : undefined });
  sink.onLeftOut((leftOut) => logger.warn({ leftOut }, "log lines were left out, because nothing read them in time"));
  return logger;
}

/** Resolves when what was logged has been written, at the latest after a second. */
export function flushed(logger: Logger): Promise<void> {
  return new Promise((resolve) => logger.flush(() => resolve()));
}

interface LoggerParts {
  readonly level: LogLevel;
  readonly sink: LogSink;
  /** What every line has. */
  readonly ofAll?: Readonly<Record<string, unknown>> | undefined;
}

export function createLogger({ level, sink, ofAll }: LoggerParts): Logger {
  const options: pino.LoggerOptions = {
    level,
    base: ofAll ?? null,
    redact,
    formatters: { level: (label) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  return pino(options, sink);
}

/** A line holds no more of what strangers write. */
const PATH_MAX = 200;

/** A path as it may be logged: people paste tokens where they do not belong, and write paths of any length. */
export function loggedPath(path: string): string {
  const hidden = path.replace(/p[ls]_[\w-]{8,}|eyJ[\w-]*\.[\w-]+(\.[\w-]*)?/g, "[hidden]");
  return hidden.length > PATH_MAX ? `${hidden.slice(0, PATH_MAX)}…` : hidden;
}

export interface RequestLine {
  readonly requestId: string;
  readonly method: string;
  /** Without the query string, which may hold a token. */
  readonly path: string;
  readonly status: number;
  readonly ms: number;
  readonly ip: string;
  /** Of the person who asks; undefined where nobody is signed in, or the product's backend asks. */
  readonly uid: number | undefined;
  readonly loginId: LoginId | undefined;
  /** The name of the server key, never the key. */
  readonly key: string | undefined;
  /** Of a handshake: `accepted`, `bad_token` (the connection is open, and nobody is signed in), `gone` (it ended before its token was checked), or why it was refused. */
  readonly outcome?: string;
  /** Of a handshake that was accepted: the connection's id, as READY says it. */
  readonly connection?: string;
  /** Lines of refusals of this address that were not written since its last one; absent where there are none. */
  readonly leftOut?: number;
}

/**
 * Writes one line per HTTP request. Probes and scrapes come every few seconds and are only shown at `debug`. The fields are
 * fixed and none is secret, so these lines, of which there are thousands a second, skip the search for secrets.
 */
export function requestLog(logger: Logger): (line: RequestLine) => void {
  const plain = logger.child({}, { redact: [] });
  return (line) => {
    if (PROBES.has(line.path)) plain.debug(line, "request");
    // 503 is a refusal that says when to come back, and no fault of ours; each request of a drain gets one.
    else if (line.status >= 500 && line.status !== 503) plain.error(line, "request");
    else plain.info(line, "request");
  };
}

const PROBES = new Set(["/healthz", "/readyz", "/metrics"]);
