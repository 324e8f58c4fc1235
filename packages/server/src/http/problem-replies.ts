import { z } from "@hono/zod-openapi";
import { countSchema, ERRORS, type ErrorCode, SERVER_SCOPES } from "@parley/protocol";
import { SIZES } from "../limits/sizes.ts";
import { ERRORS_NAMED } from "./errors.ts";

/** Where the document describes refusals. Those of a route with one status are one reply there, named by their codes. */
const PLACE = "#/components/responses/";

interface Reference {
  readonly $ref: string;
}

const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** The form of the product's own code for a refused message, which replaces `send_refused` (`webhooks/send-hook.ts`). */
const PRODUCTS = /^[a-z][a-z0-9_]{0,63}$/;

/** The schema of every refusal. Each route says which codes it has. */
export const Problem = z
  .object({
    type: z.string().regex(/^urn:parley:problem:[a-z_]+$/),
    title: z.string().min(1),
    status: z.int().min(400).max(599),
    code: z.union([z.enum(codes), z.string().regex(PRODUCTS)]),
    detail: z.string().optional(),
    errors: z
      .array(z.object({ path: z.string(), message: z.string().min(1) }))
      .max(ERRORS_NAMED)
      .optional()
      .openapi({
        description:
          "With `invalid`: what is wrong, field by field; the path of the whole body is empty. With `unknown_user` and `unknown_room` of the server API: each unknown name",
      }),
    userIds: z
      .array(z.int())
      .optional()
      .openapi({ description: "With `unknown_user` and `too_many_rooms`: the people concerned" }),
    until: countSchema
      .nullable()
      .optional()
      .openapi({ description: "With `muted` and `banned`: epoch milliseconds; null: for good" }),
    reason: z
      .string()
      .max(SIZES.banReason.count)
      .optional()
      .openapi({ description: "With `banned`: the administrator's reason; may be empty" }),
    scope: z
      .enum(SERVER_SCOPES)
      .optional()
      .openapi({ description: "With `scope_missing`: the scope that the server key lacks" }),
    roomIds: z.array(z.int()).optional().openapi({ description: "With `owner_cannot_leave`: some of the rooms" }),
    missingNodes: z
      .array(z.string().regex(/^[0-9a-f]{16}$/))
      .max(SIZES.listedNodes.count)
      .optional()
      .openapi({ description: "With `overloaded` of what is asked of all nodes: those that did not answer" }),
  })
  .openapi("Problem", { description: "What went wrong (RFC 9457). `code` is stable; texts may change." });

/** The replies that refuse with these codes, by their statuses. */
export function problemReplies(refusals: readonly ErrorCode[]): Record<number, Reference> {
  const byStatus = Map.groupBy(new Set(refusals), (code) => ERRORS[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, ofStatus]) => [status, { $ref: PLACE + ofStatus.toSorted().join(".") }]),
  );
}

/** The codes of a reply; none when it is no refusal. */
export function codesOf(reply: object): ErrorCode[] {
  const name = "$ref" in reply && typeof reply.$ref === "string" ? reply.$ref : "";
  return name.startsWith(PLACE) ? (name.slice(PLACE.length).split(".") as ErrorCode[]) : [];
}

/** Name and description of the reply with these codes, which have one status. */
export function describedReply(refusals: readonly [ErrorCode, ...ErrorCode[]]): [name: string, reply: object] {
  const { status } = ERRORS[refusals[0]];
  const description = refusals.map((code) => `\`${code}\`: ${ERRORS[code].title}.`).join(" ");
  const headers = HEADERS[status];
  const schema = {
    allOf: [
      { $ref: "#/components/schemas/Problem" },
      { properties: { status: { const: status }, code: codeOf(refusals) } },
    ],
  };
  const content = { "application/problem+json": { schema } };
  return [
    refusals.join("."),
    { description, ...(headers && { headers }), ...(OF_THE_RUNTIME.has(status) ? {} : { content }) },
  ];
}

function codeOf(refusals: readonly ErrorCode[]): object {
  const ours = { enum: [...refusals] };
  return refusals.includes("send_refused") ? { anyOf: [ours, { type: "string", pattern: PRODUCTS.source }] } : ours;
}

/** The runtime answers these before our code sees the request, without a document. */
const OF_THE_RUNTIME: ReadonlySet<number> = new Set([ERRORS.header_too_large.status]);

const RETRY_AFTER = header({ type: "integer", minimum: 1 }, "Seconds after which the request may be repeated");

const HEADERS: Readonly<Record<number, object>> = {
  401: { "WWW-Authenticate": header({ type: "string", const: "Bearer" }, "How to sign in") },
  405: { Allow: header({ type: "string", pattern: "^[A-Z]+(, [A-Z]+)*$" }, "The methods that this path takes") },
  429: { "Retry-After": RETRY_AFTER },
  503: { "Retry-After": RETRY_AFTER },
};

function header(schema: object, description: string): object {
  return { required: true, description, schema };
}
