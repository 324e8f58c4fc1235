import { z } from "@hono/zod-openapi";
import { externalIdSchema, refParamSchema, refSchema, SERVER_LIMITS } from "@parley/protocol";

/** How routes of this folder take ids, which the protocol defines (`external-ids.ts`). */

const { externalIdCodePoints } = SERVER_LIMITS;
const TEXT = "An external id, percent-encoded, or `~` and an id of Parley's";

/** A person or a room in a path. */
export function refParam(name: "user" | "room", example: string) {
  return z
    .string()
    .pipe(refParamSchema)
    .openapi({
      param: { name, in: "path", description: TEXT },
      type: "string",
      minLength: 1,
      maxLength: externalIdCodePoints,
      example,
    });
}

/** The same in a body. */
export const ref = z
  .unknown()
  .pipe(refSchema)
  .openapi({
    type: ["string", "integer"],
    minLength: 1,
    maxLength: externalIdCodePoints,
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    description: "An external id (text) or an id of Parley's (number)",
  });

export const externalId = z
  .string()
  .pipe(externalIdSchema)
  .openapi({ type: "string", minLength: 1, maxLength: externalIdCodePoints, example: "42" });

/** In a reply; null for people and rooms without one. */
export const externalIdOrNull = z.string().min(1).max(externalIdCodePoints).nullable().openapi({ example: "42" });

/** What happens to a request that names unknown people or rooms. */
export const unknownParam = z
  .literal("skip", "must be skip")
  .optional()
  .openapi({
    param: { name: "unknown", in: "query" },
    description: "`skip`: leave unknown ones out and name them in the reply, instead of refusing the request",
  });
