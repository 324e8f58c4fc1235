import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { openFileLimit } from "../lib/file-limit.ts";
import { ConfigError, loadConfig } from "./config.ts";
import { ENV_NAMES, type Env } from "./env.ts";

const HERE = import.meta.path;

function problemsOf(env: Env): readonly string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe("defaults", () => {
  test("are those of the documentation", () => {
    const { config, entries, warnings } = loadConfig({});
    expect(config).toMatchObject({
      listen: { host: "0.0.0.0", port: 8080, wsPort: undefined, publicUrl: undefined, tls: undefined },
      data: { dir: resolve(import.meta.dir, "../../../../data"), databaseUrl: undefined },
      redisUrl: undefined,
      gateway: {
        heartbeatMs: 10_000,
        idleMs: 30_000,
        maxFrameBytes: 8192,
        maxQueueBytes: 1_048_576,
        maxConnectionsPerUser: 20,
      },
      rateLimits: true,
      signInsOverall: 600,
      retention: { days: 7, minEvents: 100, maxEvents: 100_000 },
      tailBytes: 268_435_456,
      drain: { spreadMs: 10_000, delayMs: 0 },
      accounts: { registration: "open", direct: "anyone" },
      hall: { access: "members", send: "everyone" },
      messages: { customKinds: [] },
      maxUploadBytes: 104_857_600,
      geoipFile: undefined,
      mallchatApi: true,
      logLevel: "info",
      secrets: { metricsToken: undefined },
    });
    expect(config.listen.trustedProxies).toEqual(["127.0.0.0/8", "::1/128"]);
    expect(config.gateway.maxConnections).toBeGreaterThan(100);
    expect(warnings).toEqual([]);
    expect(entries.map((entry) => entry.name)).toEqual(ENV_NAMES);
    expect(entries.every((entry) => entry.source === "default")).toBe(true);
  });

  test("stand in for empty variables", () => {
    expect(loadConfig({ PORT: "", TLS_CERT: " ", METRICS_TOKEN: "", DATABASE_URL: "" }).config).toEqual(
      loadConfig({}).config,
    );
  });
});

const POSTGRES = "postgres://parley@db/parley";
const NO_POSTGRES_ADDRESS =
  "DATABASE_URL is set (hidden), wanted an address such as postgres://user:password@host:5432/database";
const NO_REDIS_ADDRESS =
  "REDIS_URL is set (hidden), wanted an address such as redis://:password@host:6379, or rediss://… with TLS";
const REDIS_ALONE =
  "REDIS_URL is set without DATABASE_URL, wanted the address of the PostgreSQL database that the nodes share: on SQLite there is one server, which needs no Redis";

type Case = [env: Env, expected: object];

test.each<Case>([
  [{ PORT: "0" }, { listen: { port: 0 } }],
  [{ PORT: "443", WS_PORT: "8090" }, { listen: { port: 443, wsPort: 8090 } }],
  [{ WS_PORT: "off" }, { listen: { wsPort: undefined } }],
  [{ HOST: "[::]" }, { listen: { host: "::" } }],
  [{ HOST: "localhost" }, { listen: { host: "localhost" } }],
  [{ PUBLIC_URL: "https://Chat.Example.com/" }, { listen: { publicUrl: "https://chat.example.com" } }],
  [{ PUBLIC_URL: "https://Example.com/Chat/" }, { listen: { publicUrl: "https://example.com/Chat" } }],
  [
    { TRUSTED_PROXIES: "10.0.0.0/8, 192.0.2.1 ,2001:db8::/32,::1" },
    { listen: { trustedProxies: ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32", "::1/128"] } },
  ],
  [{ TRUSTED_PROXIES: "::ffff:192.0.2.1" }, { listen: { trustedProxies: ["192.0.2.1/32"] } }],
  [
    { ALLOWED_ORIGINS: "https://a.example,http://b.example:81," },
    { listen: { allowedOrigins: ["https://a.example", "http://b.example:81"] } },
  ],
  [
    {
      ALLOWED_ORIGINS:
        "capacitor://localhost, tauri://localhost/, chrome-extension://abc, ws://A.example, https://A.example",
    },
    {
      listen: {
        allowedOrigins: [
          ...["capacitor://localhost", "tauri://localhost", "chrome-extension://abc", "ws://A.example"],
          "https://a.example",
        ],
      },
    },
  ],
  [{ CORS: "proxy" }, { listen: { corsByProxy: true } }],
  ...[
    "redis://cache",
    "redis://cache:6379/",
    "redis://cache/3",
    "redis://[::1]:6379",
    "rediss://name:p%40ss%25@cache.example:6380",
  ].map((url): Case => [{ REDIS_URL: url, DATABASE_URL: POSTGRES }, { redisUrl: url }]),
  [{ RATE_LIMITS: "off" }, { rateLimits: false }],
  [{ RATE_LIMITS: "OFF" }, { rateLimits: false }],
  [{ DRAIN_SECONDS: "3", DRAIN_DELAY_SECONDS: "2" }, { drain: { spreadMs: 3000, delayMs: 2000 } }],
  [{ DATABASE_URL: "" }, { drain: { spreadMs: 10_000, delayMs: 0 } }],
  [{ DATABASE_URL: "postgres://p@db/p" }, { drain: { spreadMs: 10_000, delayMs: 5000 } }],
  [{ DATABASE_URL: "postgres://p@db/p", DRAIN_DELAY_SECONDS: "0" }, { drain: { delayMs: 0 } }],
  [{ HALL: "public", HALL_SEND: "admins" }, { hall: { access: "public", send: "admins" } }],
  [{ CUSTOM_KINDS: "poll, order.paid,,a-b_3" }, { messages: { customKinds: ["poll", "order.paid", "a-b_3"] } }],
  [{ HEARTBEAT_MS: "200", IDLE_MS: "600" }, { gateway: { heartbeatMs: 200, idleMs: 600 } }],
  [{ METRICS_TOKEN: "0123456789abcdef" }, { secrets: { metricsToken: "0123456789abcdef" } }],
  [{ LOG_LEVEL: "Debug" }, { logLevel: "debug" }],
])("%j is read", (env, expected) => {
  expect(loadConfig(env).config).toMatchObject(expected);
});

test.each<[Env, ...string[]]>([
  [{ PORT: "http" }, 'PORT is "http", wanted a port from 0 to 65535'],
  [{ PORT: "65536" }, 'PORT is "65536", wanted a port from 0 to 65535'],
  [{ PORT: "80.5" }, 'PORT is "80.5", wanted a port from 0 to 65535'],
  [{ PORT: "-1" }, 'PORT is "-1", wanted a port from 0 to 65535'],
  [{ PORT: "0x50" }, 'PORT is "0x50", wanted a port from 0 to 65535'],
  [{ WS_PORT: "none" }, 'WS_PORT is "none", wanted a port from 0 to 65535, or off'],
  [{ WS_PORT: "8080" }, "WS_PORT is 8080, wanted another port than PORT"],
  [{ HOST: "0.0.0.0:80" }, 'HOST is "0.0.0.0:80", wanted an IP address or a host name, without a port'],
  [{ IDLE_MS: "30s" }, 'IDLE_MS is "30s", wanted a whole number from 200 to 3600000'],
  [{ IDLE_MS: "10000" }, "IDLE_MS is 10000, wanted more than HEARTBEAT_MS (10000)"],
  [{ MAX_CONNECTIONS: "0" }, 'MAX_CONNECTIONS is "0", wanted a whole number of at least 1'],
  [{ PROCESSES: "0" }, 'PROCESSES is "0", wanted a whole number from 1 to 64, or auto'],
  [{ PROCESSES: "x" }, 'PROCESSES is "x", wanted a whole number from 1 to 64, or auto'],
  [{ PROCESSES: "65" }, 'PROCESSES is "65", wanted a whole number from 1 to 64, or auto'],
  [{ RATE_LIMITS: "no" }, 'RATE_LIMITS is "no", wanted on or off'],
  [{ HALL: "open" }, 'HALL is "open", wanted one of: members, public, off'],
  [{ DRAIN_SECONDS: "25" }, 'DRAIN_SECONDS is "25", wanted whole seconds from 0 to 20'],
  [
    { DRAIN_SECONDS: "15", DRAIN_DELAY_SECONDS: "6" },
    "DRAIN_SECONDS and DRAIN_DELAY_SECONDS are 21 together, wanted at most 20",
  ],
  [{ TLS_CERT: HERE }, "TLS_KEY is not set, wanted the key file of TLS_CERT"],
  [{ TLS_KEY: HERE }, "TLS_CERT is not set, wanted the certificate file of TLS_KEY"],
  [{ TLS_CERT: "/nowhere/cert.pem", TLS_KEY: HERE }, 'TLS_CERT is "/nowhere/cert.pem", wanted a file that exists'],
  [
    { TLS_CERT: HERE, TLS_KEY: HERE },
    `TLS_CERT is "${HERE}", wanted a certificate in PEM form`,
    `TLS_KEY is "${HERE}", wanted a private key in PEM form, without a passphrase`,
  ],
  [{ GEOIP_FILE: "/etc/passwd/geo.mmdb" }, 'GEOIP_FILE is "/etc/passwd/geo.mmdb", wanted a file that exists'],
  [{ GEOIP_FILE: import.meta.dir }, `GEOIP_FILE is "${import.meta.dir}", wanted a file that exists`],
  [
    { RETENTION_MIN_EVENTS: "200", RETENTION_MAX_EVENTS: "100" },
    "RETENTION_MIN_EVENTS is 200, wanted at most RETENTION_MAX_EVENTS (100)",
  ],
  [
    { PUBLIC_URL: "chat.example.com" },
    'PUBLIC_URL is "chat.example.com", wanted an address such as https://chat.example.com or https://example.com/chat',
  ],
  [
    { PUBLIC_URL: "https://example.com/chat?room=1" },
    'PUBLIC_URL is "https://example.com/chat?room=1", wanted an address such as https://chat.example.com or https://example.com/chat',
  ],
  [
    { TRUSTED_PROXIES: "10.0.0.0/8, nginx" },
    'TRUSTED_PROXIES is "10.0.0.0/8, nginx", wanted IP addresses or CIDRs such as 10.0.0.0/8, separated by commas ("nginx" is not)',
  ],
  [
    { TRUSTED_PROXIES: "10.1" },
    'TRUSTED_PROXIES is "10.1", wanted IP addresses or CIDRs such as 10.0.0.0/8, separated by commas ("10.1" is not)',
  ],
  [
    { ALLOWED_ORIGINS: "*" },
    'ALLOWED_ORIGINS is "*", wanted origins, separated by commas, each in full, such as https://chat.example.com or capacitor://localhost, without a path and without * ("*" is not)',
  ],
  [
    { ALLOWED_ORIGINS: "https://a.example, https://*.example.com" },
    'ALLOWED_ORIGINS is "https://a.example, https://*.example.com", wanted origins, separated by commas, each in full, such as https://chat.example.com or capacitor://localhost, without a path and without * ("https://*.example.com" is not)',
  ],
  [
    { ALLOWED_ORIGINS: "capacitor://*" },
    'ALLOWED_ORIGINS is "capacitor://*", wanted origins, separated by commas, each in full, such as https://chat.example.com or capacitor://localhost, without a path and without * ("capacitor://*" is not)',
  ],
  [
    { ALLOWED_ORIGINS: "https://a.example/app" },
    'ALLOWED_ORIGINS is "https://a.example/app", wanted origins, separated by commas, each in full, such as https://chat.example.com or capacitor://localhost, without a path and without * ("https://a.example/app" is not)',
  ],
  [
    { ALLOWED_ORIGINS: "capacitor://localhost/app" },
    'ALLOWED_ORIGINS is "capacitor://localhost/app", wanted origins, separated by commas, each in full, such as https://chat.example.com or capacitor://localhost, without a path and without * ("capacitor://localhost/app" is not)',
  ],
  [
    { ALLOWED_ORIGINS: "file://" },
    'ALLOWED_ORIGINS is "file://", wanted origins, separated by commas, each in full, such as https://chat.example.com or capacitor://localhost, without a path and without * ("file://" is not)',
  ],
  [
    { ALLOWED_ORIGINS: "null" },
    'ALLOWED_ORIGINS is "null", wanted origins, separated by commas, each in full, such as https://chat.example.com or capacitor://localhost, without a path and without * ("null" is not)',
  ],
  [
    { ALLOWED_ORIGINS: "localhost" },
    'ALLOWED_ORIGINS is "localhost", wanted origins, separated by commas, each in full, such as https://chat.example.com or capacitor://localhost, without a path and without * ("localhost" is not)',
  ],
  [
    { ALLOWED_ORIGINS: "mailto:ada@a.example" },
    'ALLOWED_ORIGINS is "mailto:ada@a.example", wanted origins, separated by commas, each in full, such as https://chat.example.com or capacitor://localhost, without a path and without * ("mailto:ada@a.example" is not)',
  ],
  [
    { PUBLIC_URL: "https://*.example.com" },
    'PUBLIC_URL is "https://*.example.com", wanted an address such as https://chat.example.com or https://example.com/chat',
  ],
  [{ CORS: "off" }, 'CORS is "off", wanted one of: on, proxy'],
  [
    { CUSTOM_KINDS: "poll,Order" },
    'CUSTOM_KINDS is "poll,Order", wanted names, separated by commas, each of 1 to 64 of the characters a-z, 0-9, _, . and - ("Order" is not)',
  ],
  [{ DATABASE_URL: "mysql://parley:pw@db/parley" }, NO_POSTGRES_ADDRESS],
  [
    { DATABASE_URL: "postgres://db/parley?sslmode=sometimes" },
    "DATABASE_URL is set (hidden), wanted sslmode to be one of disable, no-verify, require, verify-ca, verify-full",
  ],
  [{ REDIS_URL: "redis://cache" }, REDIS_ALONE],
  // What is wrong with DATABASE_URL is said once.
  [{ REDIS_URL: "redis://cache", DATABASE_URL: "x" }, NO_POSTGRES_ADDRESS],
  [{ REDIS_URL: "cache:6379", DATABASE_URL: POSTGRES }, NO_REDIS_ADDRESS],
  [{ REDIS_URL: "http://cache:6379", DATABASE_URL: POSTGRES }, NO_REDIS_ADDRESS],
  [{ REDIS_URL: "redis://", DATABASE_URL: POSTGRES }, NO_REDIS_ADDRESS],
  [{ REDIS_URL: "redis://cache/parley", DATABASE_URL: POSTGRES }, NO_REDIS_ADDRESS],
  [{ REDIS_URL: "redis://cache?db=1", DATABASE_URL: POSTGRES }, NO_REDIS_ADDRESS],
  [
    { PORT: "x", LOG_LEVEL: "loud" },
    'PORT is "x", wanted a port from 0 to 65535',
    'LOG_LEVEL is "loud", wanted one of: trace, debug, info, warn, error, fatal, silent',
  ],
])("%j is refused", (env, ...expected) => {
  expect(problemsOf(env)).toEqual(expected);
});

/** Least and most of each number, as the documentation has them; null: as much as a number can be. */
test.each<[name: string, least: number, most: number | null, beside?: Env]>([
  ["PORT", 0, 65_535],
  ["WS_PORT", 0, 65_535],
  ["HEARTBEAT_MS", 100, 3_600_000],
  ["IDLE_MS", 200, 3_600_000, { HEARTBEAT_MS: "100" }],
  ["MAX_FRAME_BYTES", 1024, 16_777_216],
  ["MAX_QUEUE_BYTES", 16_384, 1_073_741_824],
  ["MAX_CONNECTIONS", 1, null],
  ["MAX_CONNECTIONS_PER_USER", 1, null],
  ["SIGN_INS_OVERALL", 1, 1_000_000],
  ["RETENTION_DAYS", 0, 36_500],
  ["RETENTION_MIN_EVENTS", 0, null, { RETENTION_MAX_EVENTS: "9007199254740991" }],
  ["RETENTION_MAX_EVENTS", 1, null, { RETENTION_MIN_EVENTS: "0" }],
  ["TAIL_BYTES", 1_048_576, null],
  ["DRAIN_SECONDS", 0, 20],
  ["DRAIN_DELAY_SECONDS", 0, 20, { DRAIN_SECONDS: "0" }],
  ["MAX_UPLOAD_BYTES", 0, null],
])("%s is at least %d and at most %p", (name, least, most, beside = {}) => {
  const wrongWith = (text: string) =>
    problemsOf({ ...beside, [name]: text }).filter((one) => one.startsWith(`${name} is "`));
  expect(wrongWith(String(least - 1))).toHaveLength(1);
  expect(wrongWith(String(least))).toEqual([]);
  expect(wrongWith(String(most ?? Number.MAX_SAFE_INTEGER))).toEqual([]);
  expect(wrongWith(String(BigInt(most ?? Number.MAX_SAFE_INTEGER) + 1n))).toHaveLength(1);
  // A range is said as it is, so that nobody has to try.
  const [said] = wrongWith("none");
  for (const bound of most === null ? [least] : [least, most]) expect(said).toContain(` ${bound}`);
});

test("an access token for metrics has 16 to 512 characters", () => {
  for (const [length, problems] of [
    [15, 1],
    [16, 0],
    [512, 0],
    [513, 1],
  ] as const) {
    expect(problemsOf({ METRICS_TOKEN: "x".repeat(length) })).toHaveLength(problems);
  }
  for (const text of ["0123456789 abcdef", "0123456789abcdé0", "0123456789\tabcdef"]) {
    expect(problemsOf({ METRICS_TOKEN: text })).toHaveLength(1);
  }
});

test("what is checked between values is allowed up to its bound", () => {
  for (const env of [
    { RETENTION_MIN_EVENTS: "100", RETENTION_MAX_EVENTS: "100" },
    { DRAIN_SECONDS: "15", DRAIN_DELAY_SECONDS: "5" },
    { HEARTBEAT_MS: "10000", IDLE_MS: "10001" },
    { PORT: "0", WS_PORT: "0" },
  ]) {
    expect(problemsOf(env)).toEqual([]);
  }
  expect(problemsOf({ RETENTION_MIN_EVENTS: "101", RETENTION_MAX_EVENTS: "100" })).toHaveLength(1);
  expect(problemsOf({ DRAIN_SECONDS: "15", DRAIN_DELAY_SECONDS: "6" })).toHaveLength(1);
  expect(problemsOf({ PORT: "1", WS_PORT: "1" })).toHaveLength(1);
});

test("a configuration that is refused is an error of its own name, with a line for each problem", () => {
  expect(() => loadConfig({ PORT: "x", HALL: "x" })).toThrow(
    expect.objectContaining({ name: "ConfigError", message: expect.stringMatching(/^PORT.*\nHALL.*$/) }),
  );
});

test("secrets are shown neither in problems nor in the entries", () => {
  const [problem] = problemsOf({ METRICS_TOKEN: "too short" });
  expect(problem).toStartWith("METRICS_TOKEN is set (hidden), wanted 16 to 512 characters");
  for (const env of [
    { DATABASE_URL: "postgres://u:hunter2@db" },
    { REDIS_URL: "redis://:hunter2@cache" },
    { REDIS_URL: "redis://:hunter2@cache/x", DATABASE_URL: "postgres://u:hunter2@db" },
  ]) {
    const problems = problemsOf(env).join();
    expect(problems).toContain("_URL is set");
    expect(problems).not.toContain("hunter2");
  }

  const { entries } = loadConfig({
    ...{ METRICS_TOKEN: "0123456789abcdef", PORT: "81" },
    ...{ REDIS_URL: "redis://:hunter2@cache", DATABASE_URL: "postgres://u:hunter2@db/x" },
  });
  expect(JSON.stringify(entries)).not.toContain("hunter2");
  expect(entries.find((entry) => entry.name === "METRICS_TOKEN")).toEqual({
    name: "METRICS_TOKEN",
    value: "********",
    source: "environment",
  });
  expect(entries.find((entry) => entry.name === "PORT")).toEqual({ name: "PORT", value: "81", source: "environment" });
});

test.each<[Env, ...string[]]>([
  [{ HEARBEAT_MS: "1" }, "HEARBEAT_MS is not a setting; is HEARTBEAT_MS meant?"],
  [{ TRUSTED_PROXY: "1" }],
  [{ TRUSTED_PROXYS: "1" }, "TRUSTED_PROXYS is not a setting; is TRUSTED_PROXIES meant?"],
  [{ ALLOWED_ORIGIN: "x" }, "ALLOWED_ORIGIN is not a setting; is ALLOWED_ORIGINS meant?"],
  [{ LOGLEVEL: "info" }, "LOGLEVEL is not a setting; is LOG_LEVEL meant?"],
  [{ LOG_LEVLE: "info" }, "LOG_LEVLE is not a setting; is LOG_LEVEL meant?"],
  [{ OLG_LEVEL: "info" }, "OLG_LEVEL is not a setting; is LOG_LEVEL meant?"],
  [{ OG_LEVE: "info" }, "OG_LEVE is not a setting; is LOG_LEVEL meant?"],
  [{ LOG_LEVELXX: "info" }, "LOG_LEVELXX is not a setting; is LOG_LEVEL meant?"],
  [{ LOG_LEVELXXX: "x", G_LEVE: "x", LOG_XYZEL: "x" }],
  [{ data_dri: "x" }, "data_dri is not a setting; is DATA_DIR meant?"],
  [{ PROTS: "1", POR: "1" }, "POR is not a setting; is PORT meant?"],
  [
    { HALX: "1", HAXX: "1", XHALL: "1" },
    "HALX is not a setting; is HALL meant?",
    "XHALL is not a setting; is HALL meant?",
  ],
  [{ DIRECS: "1", DIREXX: "1" }, "DIRECS is not a setting; is DIRECT meant?"],
  [
    { WS_PORX: "1", WS_POXX: "1", "PORT é": "1" },
    "WS_PORX is not a setting; is WS_PORT meant?",
    "WS_POXX is not a setting; is WS_PORT meant?",
  ],
  [{ PROT: "1" }, "PROT is not a setting; is PORT meant?"],
  [{ PARLEY_PORT: "9" }, "PARLEY_PORT is not a setting; is PORT meant?"],
  [{ port: "9" }, "port is not a setting; is PORT meant?"],
  [{ Data_Dir: "x" }, "Data_Dir is not a setting; is DATA_DIR meant?"],
  [
    { PORT: "8080", PARLEY_PORT: "9", port: "9" },
    "PARLEY_PORT is not a setting; is PORT meant?",
    "port is not a setting; is PORT meant?",
  ],
  [{ PARLEY_NAME: "ann", PARLEY_URL: "x", PARLEY_TOKEN: "x", PARLEY_SEED: "1" }],
  [{ HOME: "/root", PATH: "/bin", SHELL: "/bin/sh", USER: "x", HOSTNAME: "x", LOGNAME: "x", TERM: "x", PWD: "/" }],
  [{ LOGLEVEL: "info", LOG_LEVEL: "info" }],
])("OBS-6: %j warns", (env, ...expected) => {
  expect(loadConfig(env).warnings).toEqual(expected);
});

test("as many connections as the process may have files open warn, one less does not", () => {
  const limit = openFileLimit();
  expect(loadConfig({ MAX_CONNECTIONS: String(limit - 1) }).warnings).toEqual([]);
  expect(loadConfig({ MAX_CONNECTIONS: String(limit) }).warnings).toHaveLength(1);
  expect(loadConfig({}).config.gateway.maxConnections).toBe(Math.floor((limit * 9) / 10));
});

test("more connections than the process may have files open warn", () => {
  expect(loadConfig({ MAX_CONNECTIONS: "9007199254740991" }).warnings).toEqual([
    expect.stringMatching(
      /^MAX_CONNECTIONS is 9007199254740991, but this process may open \d+ files and sockets: raise ulimit -n/,
    ),
  ]);
});
