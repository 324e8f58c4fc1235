/*
 * How a feature defines its routes. A complete example:
 *
 *   import { createRoute, z } from "@hono/zod-openapi";
 *   import { requireLogin } from "../http/authenticate.ts";
 *   import { json, jsonBody, newRoutes, problems, signedIn } from "../http/openapi.ts";
 *
 *   const Room = z.object({ id: z.number().int(), name: z.string().nullable() }).openapi("Room");
 *
 *   const renameRoom = createRoute({
 *     method: "patch",
 *     path: "/rooms/{id}",                       // mounted under /api/v1
 *     tags: ["rooms"],
 *     summary: "Change a room's name",
 *     security: signedIn,                        // for the document
 *     middleware: [requireLogin] as const,       // for real: c.get("login") is a Login
 *     request: {
 *       params: z.object({ id: idParam("id") }), // text of the path to a number
 *       body: jsonBody(z.object({ name: z.string().min(1).max(32) })), // leave `body` out where none is needed: it is ignored
 *     },
 *     responses: { 200: json(Room, "The room as it is now"), ...problems("forbidden", "not_found") }, // 400, 401, 429 … come by themselves
 *   });
 *
 *   export function roomsRoutes({ rooms }: { rooms: Rooms }) {
 *     const routes = newRoutes();
 *     routes.openapi(renameRoom, async (c) => {
 *       const { id } = c.req.valid("param");
 *       const { name } = c.req.valid("json");
 *       return c.json(await rooms.rename({ roomId: id, name, login: c.get("login") }), 200);
 *     });
 *     return routes;                             // server.ts passes it in createApp({ routes: [...] })
 *   }
 *
 * Refusals are thrown (`throw new ProblemError("not_found")`), never returned.
 */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { type ERRORS, type ErrorCode, idParamSchema, LIMITS } from "@parley/protocol";
import { useInputTexts } from "../lib/input-texts.ts";
import type { AppEnv } from "./app-env.ts";
import { invalidInput } from "./errors.ts";
import { refusingNearNames } from "./near-names.ts";
import { problemReplies } from "./problem-replies.ts";

export type Routes = OpenAPIHono<AppEnv>;

useInputTexts();

/** An empty set of routes whose input errors become 400 `invalid`. */
export function newRoutes(): Routes {
  return new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalidInput(result.error);
    },
  });
}

/** For a route's `security`: it needs `Authorization: Bearer <token>`. */
export const signedIn = [{ bearer: [] }];
/** The same for routes under `/admin`, with the role that the document names; `requireAdministrator` enforces it. */
export const administrators = [{ bearer: ["administrator"] }];
/** The same if anonymous requests are answered too. */
export const maybeSignedIn = [{ bearer: [] }, {}];

/** The same for routes of the product's own backend: a server key. */
export const keyed = [{ serverKey: [] }];

/** A JSON reply with its schema. */
export function json<S extends z.ZodType>(schema: S, description: string) {
  return { description, content: { "application/json": { schema } } };
}

/**
 * A JSON body, in which a misspelt field is refused. `required` is for the framework, which would not fill in the defaults of an absent
 * body; the document says that a body may be left out if all of its fields may.
 */
export function jsonBody<S extends z.ZodType>(schema: S) {
  return { required: true, content: { "application/json": { schema: refusingNearNames(schema) } } } as const;
}

/** A reply without a body, such as 204. */
export function noContent(description: string) {
  return { description };
}

type StatusOf<C extends ErrorCode> = (typeof ERRORS)[C]["status"];

/** The refusals of a route by their codes, in addition to those that any route may answer, which the document adds by itself. */
export function problems<C extends ErrorCode>(...codes: C[]): Record<StatusOf<C>, { readonly $ref: string }> {
  return problemReplies(codes) as Record<StatusOf<C>, { readonly $ref: string }>;
}

/** A positive id in a path: only decimal digits, because `0x2` or `02` would be second names for the same room. */
export function idParam(name: string) {
  return z
    .string()
    .pipe(idParamSchema)
    .openapi({
      param: { name, in: "path" },
      type: "integer",
      format: "int64",
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
    });
}

/** What the document says of ids in a query. */
export const idListText = {
  type: "string",
  pattern: "^[1-9][0-9]{0,15}(,[1-9][0-9]{0,15})*$",
  example: "20000,20001",
} as const;

/** `limit` of a list: 1 to 100, 50 when absent or empty; a larger one is taken as 100. */
export const limitParam = z
  .string("must be given once")
  .optional()
  .refine((text) => !text || /^[1-9]\d*$/.test(text), "must be a whole number from 1")
  .transform((text) => (text ? Math.min(Number(text), LIMITS.pageMax) : LIMITS.pageDefault))
  .openapi({
    param: { name: "limit", in: "query", description: "A larger one counts as the maximum" },
    type: "integer",
    minimum: 1,
    maximum: LIMITS.pageMax,
    default: LIMITS.pageDefault,
  });
