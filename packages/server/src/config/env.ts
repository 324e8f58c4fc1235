/** A variable as people meet it: in `parley config`, in messages about wrong values. */
export interface EnvRow {
  /** What it does, with its unit. */
  readonly text: string;
  /** Never shown, neither in messages nor by `parley config`. */
  readonly secret?: true;
}

/** Every variable that this server reads, in the order people read about them. */
export const ENV = {
  PORT: { text: "port for HTTP and live connections; 0 takes a free one" },
  HOST: { text: "address to listen on" },
  WS_PORT: { text: "a second port for live connections, or off" },
  PUBLIC_URL: { text: "address at which people reach this server, such as https://chat.example.com" },
  DATA_DIR: { text: "folder for the database; without it that of the checkout" },
  DATABASE_URL: { text: "PostgreSQL address; SQLite in DATA_DIR when absent", secret: true },
  PROCESSES: {
    text: "number of processes that serve connections, or auto for one for each core; more than 1 on Linux only",
  },
  PG_FAILOVER: { text: "lossless: a failover of PostgreSQL loses nothing, so clients keep their places" },
  REDIS_URL: { text: "Redis address, for many servers that share one PostgreSQL database", secret: true },
  TRUSTED_PROXIES: { text: "addresses or CIDRs, comma-separated, whose X-Forwarded-For counts" },
  ALLOWED_ORIGINS: { text: "other origins of pages and apps, comma-separated, that may use this server" },
  CORS: { text: "on or proxy: whether this server sends the CORS headers, or a proxy in front adds them" },
  TLS_CERT: { text: "certificate file (PEM), to serve https and wss directly" },
  TLS_KEY: { text: "key file (PEM) of the certificate" },
  HEARTBEAT_MS: { text: "milliseconds between a client's heartbeats" },
  IDLE_MS: { text: "milliseconds without a frame after which a connection is closed" },
  MAX_FRAME_BYTES: { text: "largest frame a client may send, in bytes" },
  MAX_QUEUE_BYTES: { text: "most bytes that wait for one slow connection" },
  MAX_CONNECTIONS: { text: "most live connections of this process" },
  MAX_CONNECTIONS_PER_USER: { text: "most live connections of one user; the oldest is closed" },
  RATE_LIMITS: { text: "on or off; off lifts rates, never caps" },
  SIGN_INS_OVERALL: {
    text: "most sign-ins and new accounts in 10 minutes from addresses that the account does not know",
  },
  RETENTION_DAYS: { text: "days after which an event may leave the log; messages stay" },
  RETENTION_MIN_EVENTS: { text: "newest events kept in every stream, however old" },
  RETENTION_MAX_EVENTS: { text: "most events kept in one stream, however new; the oldest are removed" },
  TAIL_BYTES: { text: "bytes of recent events kept in memory, in all" },
  DRAIN_SECONDS: { text: "the longest time in seconds over which connections are closed at a stop" },
  DRAIN_DELAY_SECONDS: { text: "seconds for which the server continues as usual after it was told to stop" },
  REGISTRATION: { text: "open or closed: who may make an account" },
  DIRECT: { text: "anyone or friends: who may open a direct room with somebody" },
  MAX_UPLOAD_BYTES: { text: "largest upload, in bytes" },
  METRICS_TOKEN: { text: "bearer token for requests to /metrics from other machines", secret: true },
  GEOIP_FILE: { text: "MaxMind database (.mmdb) that tells where logins come from" },
  MALLCHAT_API: { text: "on or off: the API for MallChat clients" },
  HALL: { text: "members, public or off: the room of everybody" },
  HALL_SEND: { text: "everyone or admins: who may write in the hall" },
  JWT_JWKS_URL: { text: "address of the public keys (JWKS) that the product signs its people's tokens with" },
  JWT_KEY_FILE: { text: "instead of JWT_JWKS_URL: file with the public key (PEM or JWK), or of the secret for HS256" },
  JWT_ALGORITHM: { text: "the one algorithm of the product's tokens, such as ES256" },
  JWT_ISSUER: { text: "the `iss` of the product's tokens" },
  JWT_AUDIENCE: { text: "the `aud` of the product's tokens for this server" },
  JWT_ID_CLAIM: { text: "claim with the product's id of the person" },
  JWT_NAME_CLAIM: { text: "claim with the name to show" },
  JWT_AVATAR_CLAIM: { text: "claim with the address of the picture" },
  CUSTOM_KINDS: { text: "kinds of the product's own messages, comma-separated, that people may send" },
  SEND_HOOK_URL: { text: "address of the product's backend that is asked before a person's message is sent" },
  SEND_HOOK_SECRET: { text: "signs the requests to SEND_HOOK_URL: 24 to 64 bytes in base64", secret: true },
  SEND_HOOK_FAIL: { text: "open or closed: whether a message is sent when the hook does not answer" },
  LOG_LEVEL: { text: "trace, debug, info, warn, error, fatal or silent" },
} as const satisfies Record<string, EnvRow>;

export type EnvName = keyof typeof ENV;
export const ENV_NAMES = Object.keys(ENV) as EnvName[];

/** An environment: names to text. Tests pass their own. */
export type Env = Readonly<Record<string, string | undefined>>;

/** The environment of this process. No other file reads it. */
export function readEnv(): Env {
  return process.env;
}
