import { VERSION } from "../lib/version.ts";
import type { Routes } from "./openapi.ts";

/** Refusals that any route may answer; routes need not repeat them. */
const PROBLEM = { content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } } };

interface Operation {
  security?: readonly object[];
  parameters?: unknown;
  requestBody?: unknown;
  responses: Record<string, unknown>;
}

/** The OpenAPI 3.1 document of all routes mounted on `app`. */
export function openApiDocument(app: Routes, publicUrl: string | undefined): object {
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Parley",
      version: VERSION,
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
      description:
        "What a client asks for goes over HTTP; what happens is pushed over a live connection (`/ws`). " +
        "Errors are RFC 9457 problem documents with a stable `code`.",
    },
    servers: [{ url: publicUrl ?? "/" }],
  });
  const tags = new Set<string>();
  for (const path of Object.values(document.paths ?? {})) {
    for (const operation of Object.values(path) as (Operation & { tags?: string[] })[]) {
      addCommonProblems(operation);
      for (const tag of operation.tags ?? []) tags.add(tag);
    }
  }
  return { ...document, tags: [...tags].map((name) => ({ name })) };
}

function addCommonProblems(operation: Operation): void {
  const { responses } = operation;
  const add = (status: number, description: string) => {
    responses[status] ??= { description, ...PROBLEM };
  };
  if (operation.parameters || operation.requestBody) add(400, "The request is not valid");
  if (operation.security?.length) add(401, "Sign in first");
  if (operation.requestBody) {
    add(413, "The request is too large");
    add(415, "The body must be JSON");
  }
  add(429, "Too many requests; see Retry-After");
  add(503, "Overloaded or restarting; see Retry-After");
}
