import { z } from "@hono/zod-openapi";
import { nodeName } from "../lib/node-name.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { VERSION } from "../lib/version.ts";
import { SIZES } from "../limits/sizes.ts";
import type { AdminContext } from "./admin-context.ts";
import { type ConnectionFilter, connectionHere, connectionsHere } from "./connections-here.ts";
import { TRANSPORT_NAMES, type TransportName } from "./live-connections.ts";
import { cpuSeconds } from "./sampler.ts";

/** As it comes from another node. */
const Filter: z.ZodType<ConnectionFilter> = z.object({
  uid: z.int().optional(),
  ip: z.string().optional(),
  transport: z.enum(TRANSPORT_NAMES).optional(),
  behind: z
    .object({ transport: z.enum(TRANSPORT_NAMES), since: z.number(), serial: z.number(), id: z.string() })
    .optional(),
  most: z.int().min(1).max(SIZES.shownConnections.count),
});

/** What one node has. */
export interface NodeNumbers {
  readonly connections: Readonly<Record<TransportName, number>>;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
}

/** A process of this installation. */
export interface Node {
  readonly id: string;
  /** Its name among the nodes, new at each start, by which lists name those that did not answer. */
  readonly node: string;
  readonly version: string;
  readonly startedAt: number;
  readonly connections: number;
  readonly onlineNum: number;
  /** The one that answers. */
  readonly self: boolean;
}

export type NodeContext = Pick<AdminContext, "clock" | "live" | "presence" | "channel" | "questions">;

/** Sets what this node answers when an administrator asks another one. */
export function answerNodes(context: AdminContext): void {
  const { questions, live } = context;
  questions.on("connections", ({ filter }) => connectionsHere(context, Filter.parse(filter)));
  questions.on("connection", ({ id }) => connectionHere(context, String(id)) ?? null);
  questions.on("close", ({ id, reason }) => live.close(String(id), String(reason)));
  questions.on("numbers", () => numbersHere(context));
  questions.on("node", () => nodeHere(context));
}

export function numbersHere({ live }: Pick<AdminContext, "live">): NodeNumbers {
  return { connections: live.counts(), residentBytes: process.memoryUsage.rss(), cpuSeconds: cpuSeconds() };
}

export function nodeHere({ clock, live, presence, channel }: NodeContext): Node {
  const { websocket, sse, poll } = live.counts();
  const startedAt = Math.round(clock.now() - uptimeMs());
  const connections = websocket + sse + poll;
  const { self: node } = channel.place;
  return { id: nodeName(), node, version: VERSION, startedAt, connections, onlineNum: presence.count, self: true };
}
