import { expect, test } from "bun:test";
import { createRoute, z } from "@hono/zod-openapi";
import { openApiDocument } from "./document.ts";
import { jsonBody, newRoutes, noContent, problems } from "./openapi.ts";

const some = z.object({ text: z.string(), more: z.string().optional() });
const none = z.object({ text: z.string().optional(), tags: z.array(z.string()).default([]) });

interface Document {
  readonly paths: Record<string, { post: { requestBody: { required: boolean }; responses: Record<string, object> } }>;
  readonly components: { responses: Record<string, { description: string }> };
}

/** The document of a server with one route. */
function documentOf(route: { body: z.ZodType; refusals?: Partial<ReturnType<typeof problems>> }): Document {
  const routes = newRoutes();
  const responses = { 204: noContent("Done"), ...route.refusals };
  const request = { body: jsonBody(route.body) };
  routes.openapi(createRoute({ method: "post", path: "/notes", request, responses }), (c) => c.body(null, 204));
  return openApiDocument(routes, undefined) as Document;
}

test.each<[string, z.ZodType, boolean]>([
  ["of which a field is needed", some, true],
  ["of which none is needed", none, false],
  ["that has a name", some.openapi("Some"), true],
  ["that has a name, of which none is needed", none.openapi("None"), false],
  ["of either of two kinds that need a field", z.union([some, z.object({ ids: z.array(z.int()) })]), true],
  ["of either of two kinds, one of which needs none", z.union([some, none]), false],
  ["that extends another", some.openapi("Base").extend({ at: z.int().optional() }), true],
])("HTTP-12, HTTP-29: a body %s", (_, body, isNeeded) => {
  expect(documentOf({ body }).paths["/notes"]?.post.requestBody.required).toBe(isNeeded);
});

test("HTTP-12: a route's codes stand with those of the doors, of each status in one reply that says them all", () => {
  const refusals = problems("room_full", "cursor_malformed", "hall_fixed");
  const { paths, components } = documentOf({ body: some, refusals });
  const { responses = {} } = paths["/notes"]?.post ?? {};
  expect(responses[422]).toEqual({ $ref: "#/components/responses/hall_fixed.room_full" });
  expect(responses[400]).toEqual({ $ref: "#/components/responses/cursor_malformed.invalid" });
  expect(components.responses["hall_fixed.room_full"]?.description).toContain("`room_full`: This room is full.");
});
