import { createRoute, z } from "@hono/zod-openapi";
import { countSchema } from "@parley/protocol";
import { requireAdministrator } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { administrators, json, newRoutes } from "../http/openapi.ts";
import { CAPS } from "../limits/caps.ts";
import { SIZES } from "../limits/sizes.ts";
import type { AdminContext } from "./admin-context.ts";
import { missingNodes, nodeId } from "./node-schemas.ts";
import { SERIES_NAMES } from "./series.ts";
import * as actions from "./stats-actions.ts";

const common = { method: "get" as const, tags: ["admin"], security: administrators };

const amount = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
const version = z.string().max(64);

const getStats = createRoute({
  ...common,
  path: "/admin/stats",
  middleware: [requireAdministrator, heavy] as const,
  summary: "The server in numbers, now",
  responses: {
    200: json(
      z.object({
        version,
        uptimeSeconds: countSchema,
        connections: z.object({
          websocket: countSchema,
          sse: countSchema,
          poll: countSchema.meta({ description: "Waiting polls" }),
        }),
        onlineNum: countSchema.meta({ description: "People who are online" }),
        people: countSchema.meta({ description: "Accounts; deleted ones leave this count within a minute" }),
        logPosition: countSchema.meta({ description: "Position of the newest event" }),
        bans: z.int().min(0).max(CAPS.bans.count),
        residentBytes: countSchema,
        cpuSeconds: amount.meta({ description: "CPU time since the processes began" }),
        missingNodes,
      }),
      "As they are now",
    ),
  },
});

const number = (least: number) =>
  z
    .string()
    .regex(/^\d{1,16}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.int().min(least))
    .optional();
const wholeNumber = (least: number, description: string) =>
  number(least).openapi({ type: "integer", minimum: least, maximum: Number.MAX_SAFE_INTEGER, description });

const getSeries = createRoute({
  ...common,
  path: "/admin/series",
  middleware: [requireAdministrator, heavy] as const,
  summary: "Numbers over the last day, for charts",
  description:
    "Measured every 10 s and kept in memory for a day, so a restart begins anew. A point is the mean of the measurements within its step; steps without any are left out.",
  request: {
    query: z.object({
      name: z.enum(SERIES_NAMES),
      from: wholeNumber(0, "Epoch milliseconds; absent: an hour before `to`"),
      to: wholeNumber(1, "Epoch milliseconds, exclusive; absent: now"),
      step: wholeNumber(10, `Seconds; absent: the smallest step that gives at most ${SIZES.seriesPoints.count} points`),
    }),
  },
  responses: {
    200: json(
      z.object({
        name: z.enum(SERIES_NAMES),
        stepSeconds: countSchema,
        points: z.array(z.object({ at: countSchema, value: amount })).max(SIZES.seriesPoints.count),
        missingNodes: missingNodes.openapi({
          description:
            "Nodes that did not answer within a second, if the one that measures may be among them: then there are no points",
        }),
      }),
      "By time",
    ),
  },
});

const getNodes = createRoute({
  ...common,
  path: "/admin/nodes",
  middleware: [requireAdministrator, heavy] as const,
  summary: "The processes of this installation; the one that answers comes first",
  responses: {
    200: json(
      z.object({
        items: z
          .array(
            z.object({
              id: z.string().max(128),
              node: nodeId,
              version,
              startedAt: countSchema,
              connections: countSchema,
              onlineNum: countSchema,
              self: z.boolean().openapi({ description: "The process that answers" }),
            }),
          )
          .max(SIZES.listedNodes.count),
        missingNodes,
      }),
      "All of them",
    ),
  },
});

export function statsRoutes(context: AdminContext) {
  const routes = newRoutes();
  routes.openapi(getStats, async (c) => c.json(await actions.getStats(context), 200));
  routes.openapi(getSeries, async (c) => {
    const { name, from, to, step } = c.req.valid("query");
    return c.json(await actions.readSeries(context, { name, from, to, step }), 200);
  });
  routes.openapi(getNodes, async (c) => c.json(await actions.listNodes(context), 200));
  return routes;
}
