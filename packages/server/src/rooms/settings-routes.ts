import { createRoute, z } from "@hono/zod-openapi";
import { idSchema } from "@parley/protocol";
import { requireLogin } from "../http/authenticate.ts";
import { idParam, json, jsonBody, newRoutes, problems, signedIn } from "../http/openapi.ts";
import type { RoomsContext } from "./rooms-context.ts";
import * as actions from "./setting-actions.ts";
import type { OwnSettings } from "./setting-writes.ts";

const settings = { pinned: z.boolean(), muted: z.boolean() };

const patchSettings = createRoute({
  method: "patch",
  path: "/rooms/{id}/settings",
  tags: ["rooms"],
  security: signedIn,
  middleware: requireLogin,
  summary: "Pin or mute a room for myself, on all my devices",
  request: {
    params: z.object({ id: idParam("id") }),
    body: jsonBody(z.object(settings).partial()),
  },
  responses: {
    200: json(z.object({ roomId: idSchema, ...settings }), "My settings as they are now"),
    ...problems("forbidden", "not_found", "room_dissolved"),
  },
});

export function settingsRoutes(context: RoomsContext) {
  const routes = newRoutes();
  routes.openapi(patchSettings, async (c) => {
    const roomId = c.req.valid("param").id;
    const change = { roomId, changes: c.req.valid("json") as Partial<OwnSettings> };
    return c.json({ roomId, ...(await actions.changeSettings(context, c.get("login"), change)) }, 200);
  });
  return routes;
}
