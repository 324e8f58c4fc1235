import { createRoute, z } from "@hono/zod-openapi";
import { ActType, MarkType, messageMarkSchema } from "@parley/protocol";
import { requireLogin } from "../http/authenticate.ts";
import { idParam, json, newRoutes, problems, signedIn } from "../http/openapi.ts";
import type { MessagesContext } from "../messages/messages-context.ts";
import * as actions from "./mark-actions.ts";

const MessageMark = z
  .object(messageMarkSchema.shape)
  .openapi("MessageMark", { description: "`userLike` and `userDislike`: my own marks" });

const markParam = z.enum(["like", "dislike"]).openapi({ param: { name: "mark", in: "path" } });

const common = {
  path: "/messages/{id}/marks/{mark}",
  tags: ["messages"],
  security: signedIn,
  middleware: requireLogin,
  request: { params: z.object({ id: idParam("id"), mark: markParam }) },
  responses: {
    200: json(MessageMark, "The message's marks as they are now"),
    ...problems("forbidden", "not_found", "room_dissolved", "already_recalled", "person_blocked"),
  },
};

const putMark = createRoute({
  ...common,
  method: "put",
  summary: "Like or dislike a message: each replaces the other",
});

const deleteMark = createRoute({ ...common, method: "delete", summary: "Take my like or dislike away" });

export function marksRoutes(context: MessagesContext) {
  const routes = newRoutes();
  routes.openapi(putMark, async (c) => {
    const { id: messageId, mark } = c.req.valid("param");
    const wanted = { messageId, markType: MarkType[mark], actType: ActType.confirm };
    return c.json(await actions.changeMark(context, c.get("login"), wanted), 200);
  });
  routes.openapi(deleteMark, async (c) => {
    const { id: messageId, mark } = c.req.valid("param");
    const wanted = { messageId, markType: MarkType[mark], actType: ActType.cancel };
    return c.json(await actions.changeMark(context, c.get("login"), wanted), 200);
  });
  return routes;
}
