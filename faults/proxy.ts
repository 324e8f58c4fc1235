import { writeFileSync } from "node:fs";
import { answer } from "./child.ts";
import { type HiddenShown, HiddenTexts } from "./hidden-texts.ts";
import { Link, type LinkFault } from "./link.ts";
import type { WireLog } from "./wire-log.ts";
import type { LastAsked } from "./wire-record.ts";

/*
 * The network between the clients and the servers, in a separate process: it passes bytes on, does to them what the plan says,
 * and reads them with its own parsers on the way. Nothing here is imported from the client or the server.
 */

/** What the wire brought, by client, and the texts that should not have been on it. */
export interface WireDump {
  readonly clients: readonly WireLog[];
  /** By clientId of a message to be recalled. */
  readonly oldTexts: Readonly<Record<string, LastAsked>>;
  readonly hiddenTexts: readonly HiddenShown[];
  /** Connections that events came through and that a fault ended, by kind. */
  readonly cuts: Readonly<Record<string, number>>;
}

const oldTexts = new Map<string, LastAsked>();
const hidden = new HiddenTexts();
let links: Link[] = [];

export type ProxyCall =
  | { readonly ask: "open"; readonly serverPorts: readonly number[]; readonly count: number }
  | { readonly ask: "fault"; readonly client: number; readonly fault: LinkFault }
  /** The client's person was banned, as answered at `from`; without `from`, they are about to be let in again. */
  | { readonly ask: "ban"; readonly client: number; readonly from: number | undefined }
  /** The author of this text was banned, as answered at `from`; without `from`, they are about to be let in again. */
  | { readonly ask: "hide"; readonly text: string; readonly from: number | undefined }
  /** Which clients are connected to this server, and to no other. */
  | { readonly ask: "connected"; readonly node: number }
  /** How many connections faults have ended so far. */
  | { readonly ask: "cuts" }
  | { readonly ask: "dump"; readonly file: string };

answer<ProxyCall>((call) => {
  switch (call.ask) {
    case "open":
      links = Array.from({ length: call.count }, (_, i) => new Link(call.serverPorts, { oldTexts, hidden }, i));
      return links.map(({ port }) => port);
    case "fault":
      return links[call.client]?.apply(call.fault);
    case "ban":
      if (call.from === undefined) return links[call.client]?.record.unbanned();
      return links[call.client]?.record.banned(call.from);
    case "hide":
      return hidden.set(call.text, call.from);
    case "connected":
      return [...links.keys()].filter((client) => isOnlyAt(call.node, links[client]?.record.spans.nodes));
    case "cuts":
      return Object.values(cuts()).reduce((sum, count) => sum + count, 0);
    case "dump": {
      const dump: WireDump = {
        clients: links.map(({ log }) => log),
        oldTexts: Object.fromEntries(oldTexts),
        hiddenTexts: hidden.shown,
        cuts: cuts(),
      };
      writeFileSync(call.file, JSON.stringify(dump));
      return undefined;
    }
  }
});

function isOnlyAt(node: number, nodes: ReadonlySet<number> | undefined): boolean {
  return nodes?.size === 1 && nodes.has(node);
}

function cuts(): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const link of links) {
    for (const [kind, count] of Object.entries(link.cuts)) sums[kind] = (sums[kind] ?? 0) + count;
  }
  return sums;
}
