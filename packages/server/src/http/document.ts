import type { ErrorCode } from "@parley/protocol";
import { VERSION } from "../lib/version.ts";
import { SIZES } from "../limits/sizes.ts";
import type { Routes } from "./openapi.ts";
import { operationId } from "./operation-id.ts";
import { codesOf, describedReply, problemReplies } from "./problem-replies.ts";

/** The part of a body's schema that says whether it may be empty. */
interface BodySchema {
  readonly $ref?: string;
  readonly required?: readonly string[];
  readonly oneOf?: readonly BodySchema[];
  readonly anyOf?: readonly BodySchema[];
  readonly allOf?: readonly BodySchema[];
}

interface Operation {
  operationId?: string;
  tags?: string[];
  /** By the name of a scheme, the roles that are needed. */
  security?: readonly Readonly<Record<string, readonly string[]>>[];
  requestBody?: { required?: boolean; content: Record<string, { schema: BodySchema }> };
  responses: Record<string, object>;
}

/** The OpenAPI 3.1 document of all routes mounted on `app`: what they say of themselves, and what is the same for each of them. */
export function openApiDocument(app: Routes, publicUrl: string | undefined): object {
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Parley",
      version: VERSION,
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
      description:
        "Clients make requests over HTTP; events are pushed over a live connection (`/ws`). " +
        "Errors are RFC 9457 problem documents with a stable `code`. Wherever GET is answered, HEAD is too. Replies may get more " +
        "fields, which a client ignores; unknown fields of a body are ignored, unless a known one has nearly the same name (400); " +
        `with a server key every unknown field is refused. A body has at most ${SIZES.nesting.count} lists and objects inside each other.`,
    },
    servers: [{ url: publicUrl ?? "/" }],
  });
  const schemas = (document.components?.schemas ?? {}) as Record<string, BodySchema>;
  const tags = new Set<string>();
  const replies = new Map<string, object>();
  for (const [path, operations] of Object.entries(document.paths ?? {})) {
    for (const [method, operation] of Object.entries(operations) as [string, Operation][]) {
      operation.operationId = operationId(method, path);
      // Without this line it would be up to the reader whether a token is needed.
      operation.security ??= [];
      const body = operation.requestBody;
      if (body) body.required = Object.values(body.content).some(({ schema }) => needsFields(schema, schemas));
      operation.responses = withCommonRefusals(method, operation);
      for (const reply of Object.values(operation.responses)) {
        const [first, ...others] = codesOf(reply);
        if (first) replies.set(...describedReply([first, ...others]));
      }
      for (const tag of operation.tags ?? []) tags.add(tag);
    }
  }
  const components = { ...document.components, responses: Object.fromEntries([...replies].sort()) };
  return { ...document, components, tags: [...tags].map((name) => ({ name })) };
}

/** Whether a body without any field is refused. */
function needsFields(schema: BodySchema, named: Readonly<Record<string, BodySchema>>): boolean {
  const { $ref, required = [], oneOf = [], anyOf = [], allOf = [] } = schema;
  const needs = (one: BodySchema) => needsFields(one, named);
  if ($ref !== undefined) return needs(named[$ref.split("/").at(-1) ?? ""] ?? {});
  const choices = [...oneOf, ...anyOf];
  return required.length > 0 || allOf.some(needs) || (choices.length > 0 && choices.every(needs));
}

/** What a request may get before its route sees it, and what any route may answer. */
const ALWAYS: readonly ErrorCode[] = [
  "invalid",
  // Where nobody needs to be signed in it is for server keys, which do not belong there.
  "unauthorized",
  // Of somebody at a banned address.
  "banned",
  "method_not_allowed",
  "host_unknown",
  "rate_limited",
  "header_too_large",
  "internal",
  "overloaded",
  "draining",
];

function withCommonRefusals(method: string, { security, requestBody, responses }: Operation): Operation["responses"] {
  const refusals = Object.values(responses).flatMap(codesOf);
  if (security?.some((one) => "serverKey" in one)) refusals.push("key_in_browser", "scope_missing");
  else if (security?.length) refusals.push("account_disabled");
  if (security?.some((one) => one.bearer?.includes("administrator"))) refusals.push("forbidden");
  // A body that nobody needs is ignored, but not when it is too large.
  if (method !== "get") refusals.push("too_large");
  if (requestBody) refusals.push("unsupported_media_type");
  return { ...responses, ...problemReplies([...ALWAYS, ...refusals]) };
}
