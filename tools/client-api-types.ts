/**
 * Writes the types of every route for the client package from the server's document:
 *
 *   node_modules/.bin/bun tools/client-api-types.ts
 *
 * A test of the client package compares the file with what the server says now.
 */
import { dirname, join, relative } from "node:path";
import { TestServer } from "../packages/server/test/harness.ts";

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly default?: unknown;
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}

interface Operation {
  readonly summary?: string;
  readonly parameters?: readonly { name: string; in: string; required?: boolean; schema: Schema }[];
  readonly requestBody?: Content & { readonly required?: boolean };
  readonly responses: Readonly<Record<string, Content>>;
}

export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const FOLDER = join(import.meta.dir, "../packages/client/src/api");
/** The named types that routes take and answer, and the routes. */
const TYPES = join(FOLDER, "api-types.ts");
const ROUTES = join(FOLDER, "api-routes.ts");
const ADMIN_ROUTES = join(FOLDER, "admin-routes.ts");
/** The routes for the product's backend, which pages do not need. */
const SERVER_TYPES = join(FOLDER, "../server/server-api-types.ts");
const HEAD = `/*
 * Made by tools/client-api-types.ts out of the server's /openapi.json. Do not change it by hand.
 */
`;
const SERVER = "/api/v1/server/";
const ADMIN = "/api/v1/admin/";

/** The texts of the files, before they are formatted. */
function apiTypes({ paths, components: { schemas } }: ApiDocument): [path: string, text: string][] {
  const routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([, { responses }]) => !responses[200]?.content?.["text/event-stream"])
      .map(([method, operation]) => {
        const text = routeOf(`${method.toUpperCase()} ${path.replace(/^\/api\/v1/, "")}`, operation);
        const whose = path.startsWith(SERVER) ? "server" : path.startsWith(ADMIN) ? "admins" : "people";
        return { whose, text, uses: refsIn(operation, schemas) };
      }),
  );
  const linesOf = (whose: string) => routes.flatMap((route) => (route.whose === whose ? [route.text] : [])).join("\n");
  const usedBy = (whose: string) => routes.flatMap((route) => (route.whose === whose ? [...route.uses] : []));
  /** Each type is written once: with the first of the three that uses it. */
  const fileOf = new Map<string, string>();
  const typesOf = (whose: string, file: string) => {
    const own = [...new Set(usedBy(whose))].filter(
      (name) => !fileOf.has(name) && (name !== "Problem" || whose === "server"),
    );
    for (const name of own) fileOf.set(name, file);
    return own.sort().map((name) => `export type ${name} = ${typeOf(schemas[name] ?? {})};\n`);
  };
  const people = typesOf("people", TYPES).join("\n");
  const admins = typesOf("admins", ADMIN_ROUTES);
  const server = typesOf("server", SERVER_TYPES);
  const routesFile = (
    file: string,
    { whose, name, about }: { whose: string; name: string; about: string },
    own: string[],
  ) => {
    const body = `${own.join("\n")}\n/** ${about}: what it takes and what it answers. */\nexport interface ${name} {\n${linesOf(whose)}\n}\n`;
    const imports = [TYPES, ADMIN_ROUTES].flatMap((from) => {
      const names = [...fileOf].flatMap(([one, home]) => (home === from && from !== file ? [one] : [])).sort();
      const used = names.filter((one) => new RegExp(`\\b${one}\\b(?!["/?])`).test(body));
      return used.length > 0 ? [`import type { ${used.join(", ")} } from "${pathFrom(file, from)}";\n`] : [];
    });
    return [file, `${HEAD}\n${imports.join("")}\n${body}`] as [string, string];
  };
  const about = "Each route below /api/v1, but for those of administrators";
  const ofAdmins = { whose: "admins", name: "AdminRoutes", about: "Each route of administrators of the server" };
  const ofServer = { whose: "server", name: "ServerRoutes", about: "Each route for the product's own backend" };
  return [
    [TYPES, `${HEAD}\n${people}`],
    routesFile(ROUTES, { whose: "people", name: "PeopleRoutes", about }, []),
    routesFile(ADMIN_ROUTES, ofAdmins, admins),
    routesFile(SERVER_TYPES, ofServer, server),
  ];
}

function pathFrom(file: string, other: string): string {
  const path = relative(dirname(file), other);
  return path.startsWith(".") ? path : `./${path}`;
}

/** Names of the schemas that something uses, and of the schemas within them, without those of a route's refusals. */
function refsIn(operation: Operation, schemas: ApiDocument["components"]["schemas"]): Set<string> {
  const found = new Set<string>();
  const look = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === "$ref" && typeof inner === "string") {
        // Refusals are among the replies.
        if (!inner.startsWith("#/components/schemas/")) continue;
        const name = inner.split("/").at(-1) as string;
        if (found.has(name)) continue;
        found.add(name);
        look(schemas[name]);
      } else if (key !== "application/problem+json") look(inner);
    }
  };
  look(operation);
  return found;
}

function routeOf(route: string, { summary, parameters = [], requestBody, responses }: Operation): string {
  const of = (place: string) => parameters.filter((parameter) => parameter.in === place);
  const object = (place: string) => {
    const fields = of(place)
      // The client sends the token in a header.
      .filter(({ name }) => name !== "token")
      .map(
        ({ name, required, schema }) =>
          `${JSON.stringify(name)}${required ? "" : "?"}: ${typeOf(schema)}${required ? "" : " | undefined"};`,
      );
    return fields.length > 0 ? `{ ${fields.join(" ")} }` : undefined;
  };
  const optional = (place: string) => (of(place).some(({ required }) => required) ? "" : "?");
  const body = requestBody?.content?.["application/json"]?.schema;
  const replies = Object.entries(responses)
    .filter(([status]) => status.startsWith("2"))
    .map(([, { content }]) => (content ? typeOf(content["application/json"]?.schema ?? {}) : "undefined"));
  const args = [
    object("path") && `path: ${object("path")};`,
    object("query") && `query${optional("query")}: ${object("query")};`,
    object("header") && `headers${optional("header")}: ${object("header")};`,
    body && `body${requestBody?.required ? "" : "?"}: ${typeOf(body, "in")};`,
  ].filter(Boolean);
  return `/** ${summary ?? route} */\n${JSON.stringify(route)}: { args: ${args.length > 0 ? `{ ${args.join(" ")} }` : "object"}; reply: ${[...new Set(replies)].join(" | ")} };`;
}

/** `in`: what a client writes, where fields with a default may be left out. */
function typeOf(schema: Schema, way: "in" | "out" = "out"): string {
  if (schema.$ref) return schema.$ref.split("/").at(-1) as string;
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return `(${[...new Set(either.map((one) => typeOf(one, way)))].join(" | ")})`;
  if (schema.allOf) return schema.allOf.map((one) => typeOf(one, way)).join(" & ");
  const types = typeof schema.type === "string" ? [schema.type] : (schema.type ?? []);
  if (types.length === 0) return schema.properties ? objectOf(schema, way) : "unknown";
  return types.map((type) => plain(type, schema, way)).join(" | ");
}

function plain(type: string, schema: Schema, way: "in" | "out"): string {
  if (type === "integer" || type === "number") return "number";
  if (type === "array") {
    if (schema.prefixItems) return `[${schema.prefixItems.map((item) => typeOf(item, way)).join(", ")}]`;
    const item = typeOf(schema.items ?? {}, way);
    return `${item.includes(" ") ? `(${item})` : item}[]`;
  }
  return type === "object" ? objectOf(schema, way) : type;
}

function objectOf({ properties, required = [], additionalProperties }: Schema, way: "in" | "out"): string {
  if (!properties) {
    const value = typeof additionalProperties === "object" ? typeOf(additionalProperties, way) : "unknown";
    return `Record<string, ${value}>`;
  }
  const fields = Object.entries(properties).map(([name, schema]) => {
    const must = required.includes(name) && !(way === "in" && schema.default !== undefined);
    return `${JSON.stringify(name)}${must ? "" : "?"}: ${typeOf(schema, way)}${must ? "" : " | undefined"};`;
  });
  return `{ ${fields.join(" ")} }`;
}

/** What the files should contain now, by their paths. */
export async function currentApiTypes(): Promise<ReadonlyMap<string, string>> {
  const server = await TestServer.start();
  try {
    const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as ApiDocument;
    const texts = apiTypes(document).map(async ([path, text]) => [path, await formatted(path, text)] as const);
    return new Map(await Promise.all(texts));
  } finally {
    await server.stop();
  }
}

async function formatted(path: string, text: string): Promise<string> {
  const biome = join(import.meta.dir, "../node_modules/.bin/biome");
  const done = Bun.spawn([biome, "format", `--stdin-file-path=${path}`], { stdin: new Blob([text]), stdout: "pipe" });
  return new Response(done.stdout).text();
}

if (import.meta.main) {
  for (const [path, text] of await currentApiTypes()) await Bun.write(path, text);
}
