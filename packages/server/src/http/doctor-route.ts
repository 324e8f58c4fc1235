import { createRoute, z } from "@hono/zod-openapi";
import { ProblemError } from "../lib/problem.ts";
import { optionalLogin } from "./authenticate.ts";
import { clientAddress, type TrustedProxies } from "./client-ip.ts";
import { doctorWarnings } from "./doctor-warnings.ts";
import { type ForwarderWarnings, untrustedForwarderText } from "./forwarder-warning.ts";
import { isFromThisMachine } from "./local-request.ts";
import { json, maybeSignedIn, newRoutes, type Routes } from "./openapi.ts";
import { publicAddress, requestUrl } from "./request-url.ts";

/** Long enough for any real chain of proxies; the sender chooses the text. */
const MAX_SHOWN_CHARACTERS = 1000;

const Doctor = z
  .object({
    peerIp: z.string().min(1).openapi({ description: "Who opened the TCP connection to the server" }),
    forwarded: z
      .string()
      .max(MAX_SHOWN_CHARACTERS)
      .nullable()
      .openapi({ description: "X-Forwarded-For, or X-Real-IP if there is none, as it arrived" }),
    clientIp: z.string().openapi({ description: "The address that counts for limits, bans and logs" }),
    scheme: z.enum(["http", "https"]),
    host: z.string().openapi({ description: "The host as the client names it" }),
    wsPort: z
      .int()
      .min(1)
      .max(65_535)
      .nullable()
      .openapi({ description: "The second port for live connections; null: there is none" }),
    warnings: z.array(z.string()),
    trustedProxies: z
      .array(z.string())
      .nullable()
      .openapi({ description: "For administrators, and for requests from the server's own machine; otherwise null" }),
  })
  .openapi("Doctor");

const doctor = createRoute({
  method: "get",
  path: "/doctor",
  tags: ["server"],
  summary: "What the server sees of this request, and what looks wrong about the proxies in between",
  security: maybeSignedIn,
  middleware: [optionalLogin] as const,
  responses: { 200: json(Doctor, "How the request arrived") },
});

export interface DoctorParts {
  readonly trusted: TrustedProxies;
  /** TRUSTED_PROXIES, from which `trusted` was made. */
  readonly proxies: readonly string[];
  readonly publicUrl: string | undefined;
  readonly wsPort?: number | undefined;
  readonly forwarders: ForwarderWarnings;
  /** The size of the database's journal. */
  readonly journalBytes?: () => number | undefined;
}

/** Four times the size at which several processes empty it. */
const JOURNAL_WARN_BYTES = 256 * 1024 * 1024;

function journalWarning(bytes: number): string[] {
  if (bytes < JOURNAL_WARN_BYTES) return [];
  return [
    `The database's journal (parley.db-wal) has ${Math.round(bytes / 1e6)} MB: something reads the database for a long time, such as another program or a backup that has hung`,
  ];
}

/** `GET /doctor`, for `parley doctor` and for people who set up a proxy. It tells them only how their own request arrived. */
export function doctorRoute({ trusted, proxies, publicUrl, wsPort, forwarders, journalBytes }: DoctorParts): Routes {
  const routes = newRoutes();
  routes.openapi(doctor, (c) => {
    const { headers } = c.req.raw;
    const url = requestUrl(c.req.raw);
    if (!url) throw new ProblemError("invalid", "The Host header is malformed");
    const address = c.env.address ?? clientAddress({ peer: c.env.ip, headers, trusted });
    const seen = publicAddress(url, headers, address.viaTrusted);
    const local = isFromThisMachine(address.clientIp, headers);
    const showList = local || c.get("login")?.power === 1;
    const warnings = doctorWarnings({ address, headers, seen, proxies, publicUrl, showList });
    const others = showList ? forwarders.peers().filter((peerIp) => peerIp !== address.peerIp) : [];
    warnings.push(...others.map((peerIp) => untrustedForwarderText({ peerIp, proxies, showList })));
    if (showList) warnings.push(...journalWarning(journalBytes?.() ?? 0));
    c.header("Cache-Control", "no-store");
    return c.json(
      {
        peerIp: address.peerIp,
        forwarded: address.forwarded?.slice(0, MAX_SHOWN_CHARACTERS) ?? null,
        clientIp: address.clientIp,
        ...seen,
        wsPort: wsPort ?? null,
        warnings,
        trustedProxies: showList ? [...proxies] : null,
      },
      200,
    );
  });
  return routes;
}
