import { createRoute, z } from "@hono/zod-openapi";
import { countSchema, idSchema, LIMITS, shownTextSchema, textSchema, userSchema } from "@parley/protocol";
import { requireLogin } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { idParam, json, jsonBody, newRoutes, noContent, problems, signedIn } from "../http/openapi.ts";
import { asOf, pageOf, pageQuery, parseNumberCursor } from "../http/page.ts";
import { CAPS } from "../limits/caps.ts";
import type { ContactsContext } from "./contacts-context.ts";
import * as actions from "./request-actions.ts";

const mine = { tags: ["contacts"], security: signedIn, middleware: requireLogin };
const params = z.object({ id: idParam("id") });

const FriendRequest = z
  .object({
    id: idSchema,
    uid: idSchema.meta({ description: "The other person" }),
    direction: z.enum(["in", "out"]).openapi({ description: "`in`: they ask me; `out`: I ask them" }),
    text: shownTextSchema(0, LIMITS.friendTextCodePoints),
    state: z.enum(["open", "accepted", "rejected"]),
    read: z.boolean().nullable().openapi({ description: "Whether I have read or answered it; null for my own" }),
    createdAt: countSchema,
  })
  .openapi("FriendRequest");

const ListedRequest = FriendRequest.extend({ name: userSchema.shape.name, avatar: userSchema.shape.avatar }).openapi(
  "ListedFriendRequest",
);

const postRequest = createRoute({
  method: "post",
  path: "/friend-requests",
  ...mine,
  summary: "Ask somebody to be friends; if they have asked me, this accepts",
  description:
    "The same request again, while it is open, is answered with the open one. After a rejection it can be made again a day " +
    "later: until then it is `request_rejected`, with `until`.",
  request: {
    body: jsonBody(z.object({ userId: idSchema, text: textSchema(0, LIMITS.friendTextCodePoints, true).default("") })),
  },
  responses: {
    200: json(FriendRequest, "It already existed, or this has accepted the other person's"),
    201: json(FriendRequest, "It was made"),
    ...problems(
      "own_account",
      "unknown_user",
      "already_friends",
      "person_blocked",
      "request_rejected",
      "too_many_requests_open",
      "too_many_friends",
      "too_many_rooms",
    ),
  },
});

const listRequests = createRoute({
  method: "get",
  path: "/friend-requests",
  ...mine,
  middleware: [requireLogin, heavy] as const,
  summary: "Friend requests that I have made and received, newest first",
  request: { query: pageQuery },
  responses: { 200: json(pageOf(ListedRequest).extend({ asOf }), "A page of requests") },
});

const deleteRequest = createRoute({
  method: "delete",
  path: "/friend-requests/{id}",
  ...mine,
  summary: "Withdraw a friend request that I have made",
  request: { params },
  responses: { 204: noContent("Withdrawn"), ...problems("forbidden", "not_found", "request_closed") },
});

const answer = (verb: "accept" | "reject") => ({
  ...mine,
  method: "post" as const,
  path: `/friend-requests/{id}/${verb}` as const,
  request: { params },
});

const acceptRequest = createRoute({
  ...answer("accept"),
  summary: "Accept a friend request: we become friends and have a direct room",
  responses: {
    200: json(FriendRequest, "The request as it is now"),
    ...problems("forbidden", "not_found", "request_closed", "too_many_friends", "too_many_rooms"),
  },
});

const rejectRequest = createRoute({
  ...answer("reject"),
  summary: "Reject a friend request",
  responses: {
    200: json(FriendRequest, "The request as it is now"),
    ...problems("forbidden", "not_found", "request_closed"),
  },
});

const putRead = createRoute({
  method: "put",
  path: "/friend-requests/read",
  ...mine,
  summary: "Mark the requests up to this id as read",
  request: { body: jsonBody(z.object({ upTo: idSchema })) },
  responses: {
    200: json(
      z.object({ friendRequests: z.int().min(0).max(CAPS.requestsGot.count) }),
      "How many unread requests wait for an answer",
    ),
  },
});

/** Friend requests, from asking to the answer. */
export function requestsRoutes(context: ContactsContext) {
  const routes = newRoutes();
  routes.openapi(postRequest, async (c) => {
    const { request, created } = await actions.askFriend(context, c.get("login"), c.req.valid("json"));
    return c.json(request, created ? 201 : 200);
  });
  routes.openapi(listRequests, async (c) => {
    const { cursor, limit } = c.req.valid("query");
    const page = { before: parseNumberCursor(cursor), limit };
    return c.json(await actions.listRequests(context, c.get("login"), page), 200);
  });
  routes.openapi(putRead, async (c) => {
    return c.json(await actions.readRequests(context, c.get("login"), c.req.valid("json").upTo), 200);
  });
  routes.openapi(deleteRequest, async (c) => {
    await actions.withdrawRequest(context, c.get("login"), c.req.valid("param").id);
    return c.body(null, 204);
  });
  routes.openapi(acceptRequest, async (c) => {
    return c.json(await actions.acceptRequest(context, c.get("login"), c.req.valid("param").id), 200);
  });
  routes.openapi(rejectRequest, async (c) => {
    return c.json(await actions.rejectRequest(context, c.get("login"), c.req.valid("param").id), 200);
  });
  return routes;
}
