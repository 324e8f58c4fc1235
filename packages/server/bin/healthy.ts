// For a container's health check: ends with 0 when the server beside it answers, and with 1 when it does not.
import { readEnv } from "../src/config/env.ts";

const { PORT = "8080", TLS_CERT } = readEnv();
const url = `${TLS_CERT ? "https" : "http"}://127.0.0.1:${PORT}/healthz`;
// The certificate is for the name that people type.
const tls = { rejectUnauthorized: false };
const reply = await fetch(url, { tls, signal: AbortSignal.timeout(4000) }).catch(() => undefined);
process.exit(reply?.ok ? 0 : 1);
