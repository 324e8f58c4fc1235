import { importsOf, type Source } from "./sources.ts";

/**
 * Which folder may import which, lower ones first; a folder may import its own files, its neighbours on the same line, and everything
 * below. `http` and `gateway` know no feature, and only the roots know the gateway.
 */
const LAYERS: readonly (readonly string[])[] = [
  ["lib"],
  ["limits"],
  ["config", "ops", "db", "bus", "redis"],
  ["nodes"],
  ["event-log", "presence"],
  ["retention", "audit", "processes"],
  ["http"],
  ["product-tokens"],
  ["identity"],
  ["keys", "bans"],
  ["blocks"],
  ["ties"],
  ["rooms"],
  ["moderation"],
  ["webhooks"],
  ["messages"],
  ["contacts", "marks", "notifications", "uploads"],
  ["unread"],
  ["admin", "mallchat", "server-api"],
];
const HTTP = LAYERS.findIndex((layer) => layer.includes("http"));
const ROOTS = LAYERS.length;

/**
 * The same for the client: the platform; requests; incoming events; then the connection, which brings them, next to sends. The caller for
 * the product's backend needs only requests. The store is on top: it reads by a client. The files directly in `src` put them together.
 */
const CLIENT_LAYERS: readonly (readonly string[])[] = [
  ["lib"],
  ["api"],
  ["reading", "server"],
  ["sending", "connection"],
  ["store"],
];

/** Which of our packages a package may import. */
const PACKAGES: Record<string, readonly string[]> = {
  protocol: [],
  client: ["protocol"],
  web: ["protocol", "client"],
  server: ["protocol", "web"],
  conformance: ["protocol", "client"],
};

/** The gateway's transports: each uses what they share, none knows another, and the shared part knows none of them. */
const TRANSPORTS: readonly string[] = ["websocket", "sse", "poll"];

export function directionCheck(sources: readonly Source[]): string[] {
  return sources
    .filter((file) => !file.isTest && file.path.startsWith("packages/"))
    .flatMap((file) =>
      importsOf(file).flatMap(({ specifier, target }) => {
        const why = target === undefined ? packageProblem(file.path, specifier) : fileProblem(file.path, target);
        return why === undefined ? [] : [`${file.path} imports ${target ?? specifier}: ${why}`];
      }),
    );
}

function packageProblem(from: string, specifier: string): string | undefined {
  const wanted = /^@parley\/([^/]+)/.exec(specifier)?.[1];
  const own = packageOf(from);
  if (wanted === undefined || own === undefined) return undefined;
  return PACKAGES[own]?.includes(wanted) ? undefined : `package ${own} may not import package ${wanted}`;
}

function fileProblem(from: string, to: string): string | undefined {
  const own = packageOf(from);
  if (packageOf(to) !== own) return "a relative import does not leave its package";
  if (own === "client") return clientProblem(from, to);
  if (own !== "server" || !from.startsWith("packages/server/src/") || to === "packages/server/package.json")
    return undefined;
  if (to.includes("/test/")) return "what only tests use is not for the server";
  const [a, b] = [roomOf(from), roomOf(to)];
  if (a === b) return a === "gateway" ? transportProblem(from, to) : undefined;
  const [high, low] = [heightOf(a), heightOf(b)];
  if (high === undefined) return `tools/import-direction.ts does not place ${a}`;
  if (low === undefined) return `tools/import-direction.ts does not place ${b}`;
  if (a === "gateway" && low > HTTP) return "the gateway knows no feature; server.ts hands it what it needs";
  if (low > high) return `${a} is below ${b}`;
  return undefined;
}

function transportProblem(from: string, to: string): string | undefined {
  const [own, other] = [transportOf(from), transportOf(to)];
  if (other === undefined || own === other) return undefined;
  return own === undefined ? `what the transports share knows none of them` : `${own} knows no other transport`;
}

function clientProblem(from: string, to: string): string | undefined {
  if (!from.startsWith("packages/client/src/")) return undefined;
  if (!to.startsWith("packages/client/src/")) return "the sources import nothing beside them";
  const [a, b] = [roomOf(from), roomOf(to)];
  if (a === b || a.includes(".")) return undefined;
  const [high, low] = [a, b].map((room) => CLIENT_LAYERS.findIndex((layer) => layer.includes(room))) as [
    number,
    number,
  ];
  if (high < 0) return `tools/import-direction.ts does not place ${a}`;
  return low >= 0 && low < high ? undefined : `${a} is not above ${b}`;
}

function packageOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1];
}

/** The folder under src, or the file's own name for files directly in src. */
function roomOf(path: string): string {
  return path.split("/")[3] ?? "";
}

function transportOf(path: string): string | undefined {
  return TRANSPORTS.find((transport) => path.startsWith(`packages/server/src/gateway/${transport}/`));
}

function heightOf(room: string): number | undefined {
  // The gateway is beside the topmost features: nothing below the roots may import it.
  if (room === "gateway") return ROOTS;
  if (room === "cli") return ROOTS + 2;
  if (room === "main.ts") return ROOTS + 3;
  // Files directly in src put the rooms together: the graph, the ports, the writer thread, the table of commands.
  if (room.endsWith(".ts")) return ROOTS + 1;
  const height = LAYERS.findIndex((layer) => layer.includes(room));
  return height === -1 ? undefined : height;
}
