import { createRoute, z } from "@hono/zod-openapi";
import { idSchema, MUTED_FOR_GOOD } from "@parley/protocol";
import { requireLogin } from "../http/authenticate.ts";
import { idParam, json, jsonBody, newRoutes, noContent, problems, signedIn } from "../http/openapi.ts";
import * as actions from "./mute-actions.ts";
import type { RoomsContext } from "./rooms-context.ts";

const common = {
  path: "/rooms/{id}/members/{uid}/mute",
  tags: ["rooms"],
  security: signedIn,
  middleware: requireLogin,
};
const params = z.object({ id: idParam("id"), uid: idParam("uid") });
const until = z.int().min(0).max(MUTED_FOR_GOOD).nullable();
const ofMembers = ["forbidden", "not_found", "room_dissolved", "hall_fixed", "direct_fixed", "room_managed"] as const;

const putMute = createRoute({
  ...common,
  method: "put",
  summary: "Mute a member of a group: the owner may, and admins may mute ordinary members",
  description: "`until`: epoch milliseconds; null: for good. What they send before then is refused with `muted`.",
  request: { params, body: jsonBody(z.object({ until })) },
  responses: {
    200: json(
      z.object({ roomId: idSchema, uid: idSchema, mutedUntil: until.unwrap() }),
      `As it is now; ${MUTED_FOR_GOOD} means for good`,
    ),
    ...problems(...ofMembers, "own_account"),
  },
});

const deleteMute = createRoute({
  ...common,
  method: "delete",
  summary: "Let a muted member write again",
  request: { params },
  responses: { 204: noContent("May write"), ...problems(...ofMembers, "own_account") },
});

export function muteRoutes(context: RoomsContext) {
  const routes = newRoutes();
  routes.openapi(putMute, async (c) => {
    const { id: roomId, uid } = c.req.valid("param");
    const muted = await actions.muteMember(context, c.get("login"), { roomId, uid, ...c.req.valid("json") });
    return c.json({ roomId, uid, ...muted }, 200);
  });
  routes.openapi(deleteMute, async (c) => {
    const { id: roomId, uid } = c.req.valid("param");
    await actions.unmuteMember(context, c.get("login"), { roomId, uid });
    return c.body(null, 204);
  });
  return routes;
}
