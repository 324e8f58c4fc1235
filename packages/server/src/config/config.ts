/**
 * Configuration: the environment as one typed tree. `env.ts` is the only file that reads the environment and names every
 * variable; `reader.ts` and `parse.ts` read single values; this file holds types, defaults and the checks between values. A wrong value is
 * never replaced by a default: all problems are collected and the process ends. Units are in the names (…Ms, …Bytes).
 * Secrets are kept apart in `secrets`, so that the rest may be shown. An empty variable counts as absent. This room must
 * not import features, http or gateway.
 */
import { fileURLToPath } from "node:url";
import { openFileLimit } from "../lib/file-limit.ts";
import { CAPS } from "../limits/caps.ts";
import { SHARED_RATES } from "../limits/limits.ts";
import { SIZES } from "../limits/sizes.ts";
import type { LogLevel } from "../ops/logger.ts";
import { ENV_NAMES, type Env } from "./env.ts";
import * as parse from "./parse.ts";
import { type ProductTokensConfig, plainHttpWarning, readProductTokens } from "./product-tokens.ts";
import { type ConfigEntry, Reader } from "./reader.ts";
import { readSendHook, type SendHookConfig } from "./send-hook.ts";
import { tlsProblems } from "./tls-files.ts";
import { likelyTypos } from "./typos.ts";

export interface Config {
  readonly listen: {
    readonly host: string;
    /** 0: any free port. */
    readonly port: number;
    /** A second port for live connections; undefined: none. */
    readonly wsPort: number | undefined;
    /** An origin, perhaps with a path, without a slash at its end; undefined: taken from each request. */
    readonly publicUrl: string | undefined;
    readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
    /** CIDRs. Only their forwarding headers count. */
    readonly trustedProxies: readonly string[];
    readonly allowedOrigins: readonly string[];
    /** A proxy adds the CORS headers, so this server leaves them out. */
    readonly corsByProxy: boolean;
  };
  readonly data: {
    readonly dir: string;
    /** Of PostgreSQL, with the password; undefined: SQLite in `dir`. */
    readonly databaseUrl: string | undefined;
    /** A standby of PostgreSQL that takes over has every commit that was answered. */
    readonly isLossless?: boolean;
  };
  /** Of Redis, with the password, for nodes that share one database on PostgreSQL; it holds nothing that cannot be lost. Undefined: none. */
  readonly redisUrl: string | undefined;
  /** Processes that serve; with more than one, another one supervises them. */
  readonly processes: number;
  readonly gateway: {
    readonly heartbeatMs: number;
    readonly idleMs: number;
    readonly maxFrameBytes: number;
    readonly maxQueueBytes: number;
    readonly maxConnections: number;
    readonly maxConnectionsPerUser: number;
  };
  /** False lifts rates (429), never caps. */
  readonly rateLimits: boolean;
  readonly signInsOverall: number;
  readonly retention: {
    readonly days: number;
    readonly minEvents: number;
    readonly maxEvents: number;
  };
  readonly tailBytes: number;
  readonly drain: {
    /** Over how long connections are closed. */
    readonly spreadMs: number;
    /** How long all goes on before that. */
    readonly delayMs: number;
  };
  readonly accounts: {
    readonly registration: "open" | "closed";
    readonly direct: "anyone" | "friends";
  };
  readonly hall: {
    readonly access: "members" | "public" | "off";
    readonly send: "everyone" | "admins";
  };
  /** Undefined: people sign in here only. */
  readonly productTokens: ProductTokensConfig | undefined;
  readonly messages: {
    /** Names of the product's own kinds that people may send. */
    readonly customKinds: readonly string[];
  };
  /** Undefined: messages are sent without asking the product. */
  readonly sendHook: SendHookConfig | undefined;
  readonly maxUploadBytes: number;
  readonly geoipFile: string | undefined;
  readonly mallchatApi: boolean;
  readonly logLevel: LogLevel;
  readonly secrets: {
    readonly metricsToken: string | undefined;
    /** Signs what the hook before a send is asked. */
    readonly sendHook: string | undefined;
  };
}

export interface LoadedConfig {
  readonly config: Config;
  /** Sentences for the log, such as a variable that looks misspelt. */
  readonly warnings: readonly string[];
  readonly entries: readonly ConfigEntry[];
}

/** Every problem of an environment; each line names the variable, what it got and what it wants. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** Not of the folder that somebody stands in: another one would be another, empty database. */
const DATA_OF_CHECKOUT = fileURLToPath(new URL("../../../../data", import.meta.url));

/** The whole configuration, or a ConfigError with all that is wrong. Looks at files that variables name, writes nothing. */
export function loadConfig(env: Env): LoadedConfig {
  const read = new Reader(env);
  const config = readTree(read);
  crossCheck(read, config);
  if (read.problems.length > 0) throw new ConfigError(read.problems);
  const warnings = [
    ...likelyTypos(env, ENV_NAMES),
    ...beyondFileLimit(config),
    ...plainHttpWarning(config.productTokens),
  ];
  return { config, warnings, entries: read.entries() };
}

function readTree(read: Reader): Config {
  const certFile = read.maybe("TLS_CERT", parse.file, "off");
  const keyFile = read.maybe("TLS_KEY", parse.file, "off");
  const sendHook = readSendHook(read);
  const mostConnections = Math.floor((openFileLimit() * CAPS.connections.count) / 100);
  return {
    listen: {
      host: read.value("HOST", parse.host, "0.0.0.0"),
      port: read.value("PORT", parse.port, "8080"),
      wsPort: read.value("WS_PORT", parse.portOrOff, "off"),
      publicUrl: read.maybe("PUBLIC_URL", parse.publicUrl, "from the request"),
      tls: certFile !== undefined && keyFile !== undefined ? { certFile, keyFile } : undefined,
      trustedProxies: read.value("TRUSTED_PROXIES", parse.networks, "127.0.0.0/8,::1/128"),
      allowedOrigins: read.maybe("ALLOWED_ORIGINS", parse.origins, "none") ?? [],
      corsByProxy: read.value("CORS", parse.oneOf("on", "proxy"), "on") === "proxy",
    },
    data: {
      dir: read.value("DATA_DIR", parse.folder, DATA_OF_CHECKOUT),
      databaseUrl: read.maybe("DATABASE_URL", parse.postgresUrl, "SQLite in DATA_DIR"),
      isLossless: read.maybe("PG_FAILOVER", parse.oneOf("lossless"), "a failover means a new epoch") === "lossless",
    },
    redisUrl: read.maybe("REDIS_URL", parse.redisUrl, "off"),
    processes: read.value("PROCESSES", parse.processes(process.platform), "1"),
    gateway: {
      heartbeatMs: read.value("HEARTBEAT_MS", parse.wholeNumber(100, 3_600_000), "10000"),
      idleMs: read.value("IDLE_MS", parse.wholeNumber(200, 3_600_000), "30000"),
      maxFrameBytes: read.value("MAX_FRAME_BYTES", parse.wholeNumber(1024, 16_777_216), String(SIZES.frame.count)),
      maxQueueBytes: read.value(
        "MAX_QUEUE_BYTES",
        parse.wholeNumber(16_384, 1_073_741_824),
        String(CAPS.queueBytes.count),
      ),
      maxConnections: read.value("MAX_CONNECTIONS", parse.wholeNumber(1), String(mostConnections)),
      maxConnectionsPerUser: read.value(
        "MAX_CONNECTIONS_PER_USER",
        parse.wholeNumber(1),
        String(CAPS.connectionsPerPerson.count),
      ),
    },
    rateLimits: read.value("RATE_LIMITS", parse.onOff, "on"),
    signInsOverall: read.value(
      "SIGN_INS_OVERALL",
      parse.wholeNumber(1, 1_000_000),
      String(SHARED_RATES.signInsOverall.count),
    ),
    retention: {
      days: read.value("RETENTION_DAYS", parse.wholeNumber(0, 36_500), "7"),
      minEvents: read.value("RETENTION_MIN_EVENTS", parse.wholeNumber(0), "100"),
      maxEvents: read.value("RETENTION_MAX_EVENTS", parse.wholeNumber(1), "100000"),
    },
    tailBytes: read.value("TAIL_BYTES", parse.wholeNumber(1_048_576), "268435456"),
    drain: {
      spreadMs: read.value("DRAIN_SECONDS", parse.seconds(0, 20), "10"),
      // With PostgreSQL there are usually several nodes and a balancer, which has to see that /readyz fails before this node refuses anything.
      delayMs: read.value("DRAIN_DELAY_SECONDS", parse.seconds(0, 20), read.isSet("DATABASE_URL") ? "5" : "0"),
    },
    accounts: {
      registration: read.value("REGISTRATION", parse.oneOf("open", "closed"), "open"),
      direct: read.value("DIRECT", parse.oneOf("anyone", "friends"), "anyone"),
    },
    hall: {
      access: read.value("HALL", parse.oneOf("members", "public", "off"), "members"),
      send: read.value("HALL_SEND", parse.oneOf("everyone", "admins"), "everyone"),
    },
    productTokens: readProductTokens(read),
    messages: { customKinds: read.maybe("CUSTOM_KINDS", parse.kindNames, "none") ?? [] },
    sendHook: sendHook.hook,
    maxUploadBytes: read.value("MAX_UPLOAD_BYTES", parse.wholeNumber(0), String(SIZES.upload.count)),
    geoipFile: read.maybe("GEOIP_FILE", parse.file, "off"),
    mallchatApi: read.value("MALLCHAT_API", parse.onOff, "on"),
    logLevel: read.value(
      "LOG_LEVEL",
      parse.oneOf("trace", "debug", "info", "warn", "error", "fatal", "silent"),
      "info",
    ),
    secrets: {
      metricsToken: read.maybe("METRICS_TOKEN", parse.secret, "off: loopback only"),
      sendHook: sendHook.secret,
    },
  };
}

/** Checks between values. They compare what was read, so a value that is wrong by itself is not reported twice. */
function crossCheck(read: Reader, config: Config): void {
  const { problems } = read;
  const { listen, gateway, retention, drain } = config;
  if (read.isSet("REDIS_URL") && !read.isSet("DATABASE_URL")) {
    problems.push(
      "REDIS_URL is set without DATABASE_URL, wanted the address of the PostgreSQL database that the nodes share: on SQLite there is one server, which needs no Redis",
    );
  }
  if (gateway.idleMs <= gateway.heartbeatMs) {
    problems.push(`IDLE_MS is ${gateway.idleMs}, wanted more than HEARTBEAT_MS (${gateway.heartbeatMs})`);
  }
  if (read.isSet("TLS_CERT") && !read.isSet("TLS_KEY"))
    problems.push("TLS_KEY is not set, wanted the key file of TLS_CERT");
  if (read.isSet("TLS_KEY") && !read.isSet("TLS_CERT"))
    problems.push("TLS_CERT is not set, wanted the certificate file of TLS_KEY");
  if (listen.tls) problems.push(...tlsProblems(listen.tls));
  if (listen.wsPort !== undefined && listen.wsPort !== 0 && listen.wsPort === listen.port) {
    problems.push(`WS_PORT is ${listen.wsPort}, wanted another port than PORT`);
  }
  if (retention.minEvents > retention.maxEvents) {
    problems.push(
      `RETENTION_MIN_EVENTS is ${retention.minEvents}, wanted at most RETENTION_MAX_EVENTS (${retention.maxEvents})`,
    );
  }
  // A stop is capped at 25 s in all, and what is left after the closing is needed to finish writes.
  if (drain.spreadMs + drain.delayMs > 20_000) {
    problems.push(
      `DRAIN_SECONDS and DRAIN_DELAY_SECONDS are ${(drain.spreadMs + drain.delayMs) / 1000} together, wanted at most 20`,
    );
  }
}

/** Accepting connections until the system refuses them would leave none for files and the database. */
function beyondFileLimit({ gateway }: Config): string[] {
  const limit = openFileLimit();
  if (gateway.maxConnections < limit) return [];
  return [
    `MAX_CONNECTIONS is ${gateway.maxConnections}, but this process may open ${limit} files and sockets: raise ulimit -n, or LimitNOFILE of its systemd unit`,
  ];
}
