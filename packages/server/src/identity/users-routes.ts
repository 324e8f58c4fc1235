import { createRoute, z } from "@hono/zod-openapi";
import { codePoints, idParamSchema, LIMITS } from "@parley/protocol";
import { requireLogin } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { idListText, idParam, json, limitParam, newRoutes, problems, type Routes, signedIn } from "../http/openapi.ts";
import { cursorParam, pageOf, parseTextCursor } from "../http/page.ts";
import { ProblemError } from "../lib/problem.ts";
import { withoutZero } from "../lib/without-zero.ts";
import { SIZES } from "../limits/sizes.ts";
import type { IdentityContext } from "./identity-context.ts";
import { nameKey } from "./names.ts";
import * as actions from "./user-actions.ts";
import { UserReply } from "./users.ts";

const PREFIX_MIN = 2;

const Users = pageOf(UserReply).openapi("Users");

const idList = z
  .string()
  .transform((text) => text.split(","))
  .pipe(z.array(idParamSchema).max(LIMITS.pageMax, `at most ${LIMITS.pageMax} ids`))
  .openapi({ ...idListText, description: `At most ${LIMITS.pageMax} ids` });

const query = z
  .string()
  // What is too long is looked at no further, since the key of a long text is much work.
  .max(SIZES.search.count, { abort: true })
  .refine((text) => text.isWellFormed(), "must be well-formed Unicode")
  .refine((text) => codePoints(nameKey(text)) >= PREFIX_MIN, `must have at least ${PREFIX_MIN} characters`)
  .transform(withoutZero)
  .openapi({ minLength: PREFIX_MIN });

const getUser = createRoute({
  method: "get",
  path: "/users/{id}",
  tags: ["accounts"],
  summary: "A person",
  security: signedIn,
  middleware: [requireLogin] as const,
  request: { params: z.object({ id: idParam("id") }) },
  responses: {
    200: json(UserReply, "The person; a deleted account is called `Deleted user`"),
    ...problems("not_found"),
  },
});

const listUsers = createRoute({
  method: "get",
  path: "/users",
  tags: ["accounts"],
  summary: "People by their ids, or by the beginning of their names",
  description:
    "With `ids`: those that exist, in the order asked. With `query`: in the order of names, whatever the case.",
  security: signedIn,
  middleware: [requireLogin, heavy] as const,
  request: {
    query: z.object({
      ids: idList.optional(),
      query: query.optional(),
      limit: limitParam,
      cursor: cursorParam,
    }),
  },
  responses: { 200: json(Users, "A page") },
});

/** Looking people up. */
export function usersRoutes(context: IdentityContext): Routes {
  const routes = newRoutes();
  routes.openapi(getUser, async (c) => {
    return c.json(await actions.getUser(context, c.get("login"), c.req.valid("param").id), 200);
  });
  routes.openapi(listUsers, async (c) => {
    const { ids, query: prefix, limit, cursor } = c.req.valid("query");
    const after = parseTextCursor(cursor);
    if (ids !== undefined) {
      return c.json({ items: await actions.listUsers(context, c.get("login"), ids), nextCursor: null }, 200);
    }
    if (prefix === undefined) {
      const errors = [{ path: "", message: "give ids or query" }];
      throw new ProblemError("invalid", "give either ids or query", { extra: { errors } });
    }
    const search = { prefix, after, limit };
    return c.json(await actions.findUsersByName(context, c.get("login"), search), 200);
  });
  return routes;
}
