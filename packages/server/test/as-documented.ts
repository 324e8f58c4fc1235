import { Ajv2020, type ValidateFunction } from "ajv/dist/2020";
import addFormats from "ajv-formats";
import { once } from "../src/lib/once.ts";
import { apiDocument, operationsOf, type Reply, type Schema } from "./api-document.ts";

/** A reply as a client saw it. */
export interface SeenReply {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  /** Undefined if there is none. */
  readonly body: unknown;
}

/**
 * Checks a reply against the API's document: the operation, the status, the type and each field; none may be unnamed there. The clients of
 * these tests call it for whatever they get, so that an answer which the document does not describe fails a test.
 * @throws Error for a reply that the document does not allow
 */
export function checkAsDocumented(seen: SeenReply): void {
  const faults = faultsOf(seen);
  if (faults.length === 0) return;
  const shown = JSON.stringify(seen.body)?.slice(0, 500) ?? "no body";
  throw new Error(`${seen.method} ${seen.path}: ${seen.status} is not as documented: ${faults.join("; ")}: ${shown}`);
}

function faultsOf(seen: SeenReply): string[] {
  const found = operationOf(seen);
  // A path that is not an operation can only say so, or give an answer of the guards before the routes.
  if (!found) return seen.status < 400 ? ["there is no such operation"] : [];
  const reply = resolved(found.operation.responses[seen.status]);
  if (!reply) return [`${found.operation.operationId} has no such status`];
  return [...headerFaults(seen, reply), ...bodyFaults(seen, reply)];
}

const patterns = once(() =>
  operationsOf(apiDocument())
    .map((found) => ({ ...found, pattern: new RegExp(`^${found.path.replaceAll(/\{[^}]+\}/g, "([^/]+)")}$`) }))
    // A literal path takes precedence over an id in the same place.
    .sort((a, b) => a.path.split("{").length - b.path.split("{").length),
);

/** The operation that a request asks for. */
export function operationOf({ method, path }: Pick<SeenReply, "method" | "path">) {
  const name = path.split("?", 1)[0] ?? "";
  const sought = method === "HEAD" ? "GET" : method;
  return patterns().find((one) => one.method === sought && one.pattern.test(name));
}

function resolved(reply: Reply | undefined): Reply | undefined {
  return reply?.$ref ? apiDocument().components.responses[nameOf(reply.$ref)] : reply;
}

function headerFaults({ headers }: SeenReply, reply: Reply): string[] {
  return Object.entries(reply.headers ?? {}).flatMap(([name, { required, schema }]) => {
    const text = headers.get(name);
    if (text === null) return required ? [`there is no ${name}`] : [];
    const value = schema.type === "integer" ? Number(text) : text;
    return ajv().validate(schema, value) ? [] : [`${name} ${ajv().errorsText()}`];
  });
}

function bodyFaults({ method, headers, body }: SeenReply, { content }: Reply): string[] {
  if (method === "HEAD" || !content) return body === undefined ? [] : ["there is a body"];
  const type = headers.get("Content-Type")?.split(";")[0] ?? "none";
  const schema = content[type]?.schema;
  if (!schema) return [`it is ${type}, not ${Object.keys(content)}`];
  if (!type.endsWith("json")) return [];
  const validate = validatorOf(schema);
  return validate(body) ? [] : [ajv().errorsText(validate.errors, { dataVar: "body" })];
}

/** Strict, so that a schema with a meaningless keyword fails too. */
const ajv = once(() => {
  const made = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
  made.addVocabulary(["example"]);
  addFormats.default(made);
  for (const [name, schema] of Object.entries(apiDocument().components.schemas)) {
    // It is closed where it is used, since what extends it has more.
    made.addSchema(closed(schema, { isPart: true }), name);
  }
  return made;
});

const validators = new WeakMap<Schema, ValidateFunction>();

function validatorOf(schema: Schema): ValidateFunction {
  const known = validators.get(schema);
  if (known) return known;
  const made = ajv().compile(closed(schema));
  validators.set(schema, made);
  return made;
}

/**
 * A schema with every object closed: the wire may get more fields, but not before they are in the document. A part of another schema itself
 * stays open.
 */
function closed(schema: Schema, { isPart = false } = {}): Schema {
  const { $ref, properties, items, anyOf, oneOf, allOf, ...rest } = schema;
  const isObject = $ref !== undefined || properties !== undefined || allOf !== undefined;
  const isOpen = isPart || !isObject || schema.additionalProperties !== undefined;
  return {
    ...rest,
    ...($ref && { $ref: nameOf($ref) }),
    ...(properties && { properties: mapped(properties, (one) => closed(one)) }),
    ...(items && { items: closed(items) }),
    ...(anyOf && { anyOf: anyOf.map((one) => closed(one)) }),
    ...(oneOf && { oneOf: oneOf.map((one) => closed(one)) }),
    ...(allOf && { allOf: allOf.map((one) => closed(one, { isPart: true })) }),
    ...(isOpen ? {} : { unevaluatedProperties: false }),
  };
}

function nameOf(ref: string): string {
  return ref.split("/").at(-1) as string;
}

function mapped<T, U>(values: Readonly<Record<string, T>>, of: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, of(value)]));
}
