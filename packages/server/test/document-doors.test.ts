import { afterAll, beforeAll, expect, test } from "bun:test";
import { administrator } from "./administrator.ts";
import { apiDocument, type Operation, operationsOf, type Schema } from "./api-document.ts";
import { checkAsDocumented } from "./as-documented.ts";
import { type Person, TestServer } from "./harness.ts";
import { type Door, openDoor } from "./server-door.ts";

const document = apiDocument();
const operations = operationsOf(document).map((one) => [`${one.method} ${one.path}`, one] as const);
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

let server: TestServer;
let ann: Person;
let door: Door;
let root: Person;
beforeAll(async () => {
  server = await TestServer.start({ HALL: "public", PUBLIC_URL: "https://chat.example.com" });
  ann = await server.person("ann");
  door = await openDoor(server, "product");
  root = await administrator(server, "root");
}, 30_000);
afterAll(() => server.stop());

const isServers = (path: string) => path.startsWith("/api/v1/server/");
const tokenFor = (path: string) => {
  if (path.startsWith("/api/v1/admin/")) return root.token;
  return isServers(path) ? door.key : ann.token;
};

interface Ask {
  readonly token?: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

/** Makes a request in which no id exists; the reply is compared with the document. */
async function ask(method: string, pattern: string, { token, body, headers = {} }: Ask = {}) {
  const path = pattern.replaceAll("{cidr}", "203.0.113.9").replaceAll(/\{.+?\}/g, "99999");
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { ...(token && { Authorization: `Bearer ${token}` }), ...headers },
    ...(body === undefined ? {} : { body }),
  });
  // An event stream has no end.
  const isStream = response.headers.get("Content-Type")?.startsWith("text/event-stream") ?? false;
  if (isStream) await response.body?.cancel();
  const text = isStream ? "" : await response.text();
  const reply = {
    status: response.status,
    headers: response.headers,
    body: text === "" ? undefined : JSON.parse(text),
  };
  if (!isStream) checkAsDocumented({ method, path, ...reply });
  return reply;
}

const asJson = { "Content-Type": "application/json" };

const withBody = operations.filter(([, { operation }]) => operation.requestBody !== undefined);

test.each(operations)(
  "HTTP-26: %s wants a token where the document says so, and looks at none elsewhere",
  async (_, one) => {
    const { method, path, operation } = one;
    const { security = [] } = operation;
    const without = await ask(method, path);
    if (security.length === 0) expect(without.body?.code).not.toBe("unauthorized");
    if (security.length === 1) expect(without.body).toMatchObject({ status: 401, code: "unauthorized" });
    const { status } = await ask(method, path, { token: "pl_of-nobody" });
    expect(status === 401).toBe(security.length > 0);
  },
);

test.each(operations)("HTTP-22, HTTP-26: %s refuses a request for another host", async (_, { method, path }) => {
  const reply = await ask(method, path, { headers: { Host: "elsewhere.example.com" } });
  expect(reply.body).toMatchObject({ status: 421, code: "host_unknown" });
});

test.each(operations.filter(([, { method }]) => method === "GET"))(
  "HTTP-26: %s answers HEAD like GET, without a body",
  async (_, { path }) => {
    const [{ status }, head] = [await ask("GET", path), await ask("HEAD", path)];
    expect([head.status, head.body]).toEqual([status, undefined]);
  },
);

test.each(operations.filter(([, { method }]) => method !== "GET"))(
  "HTTP-4, HTTP-26: %s refuses a body that is too large",
  async (_, { method, path }) => {
    const body = JSON.stringify({ text: "x".repeat(path === "/api/v1/events" || isServers(path) ? 262_144 : 65_536) });
    const reply = await ask(method, path, { token: tokenFor(path), headers: asJson, body });
    expect(reply.body).toMatchObject({ status: 413, code: "too_large" });
  },
);

test.each(withBody)("HTTP-2, HTTP-26: %s refuses other types, and malformed JSON", async (_, { method, path }) => {
  const typed = (type: string) => ({ token: tokenFor(path), headers: { "Content-Type": type }, body: "{" });
  expect((await ask(method, path, typed("text/plain"))).body).toMatchObject({ status: 415 });
  expect((await ask(method, path, typed("application/json"))).body).toMatchObject({ status: 400, code: "invalid" });
});

test.each(withBody)("HTTP-29: %s wants a body just where the document says so", async (_, one) => {
  const { method, path, operation } = one;
  for (const headers of [{}, asJson]) {
    const { status } = await ask(method, path, { token: tokenFor(path), headers });
    expect(status === 400).toBe(operation.requestBody?.required === true);
  }
});

// A server key's bodies have no unknown fields at all (SRV-7).
const ofPeople = withBody.filter(([, { path }]) => !isServers(path));

test.each(ofPeople)("HTTP-27: %s names the field that was meant, wherever it is in the body", async (_, one) => {
  const { method, path, operation } = one;
  const fields = fieldsOf(bodySchema(operation));
  expect(fields.length).toBeGreaterThan(0);
  for (const { body, at, name } of fields) {
    const reply = await ask(method, path, { token: tokenFor(path), headers: asJson, body: JSON.stringify(body) });
    const errors = [{ path: at, message: `is not a field; is ${name} meant?` }];
    expect(reply.body).toMatchObject({ status: 400, code: "invalid", errors });
  }
});

test.each([...new Set(operations.map(([, { path }]) => path))])(
  "HTTP-28: %s takes its methods and no other",
  async (path) => {
    const own = Object.keys(document.paths[path] ?? {}).map((method) => method.toUpperCase());
    const allow = [...own, ...(own.includes("GET") ? ["HEAD"] : [])].sort();
    for (const method of METHODS.filter((one) => !allow.includes(one))) {
      const reply = await ask(method, path, { token: tokenFor(path) });
      expect([method, reply.status, reply.headers.get("Allow")]).toEqual([method, 405, allow.join(", ")]);
    }
  },
);

function bodySchema({ requestBody }: Operation): Schema {
  return requestBody?.content["application/json"]?.schema as Schema;
}

interface Misspelt {
  readonly body: Record<string, unknown>;
  readonly at: string;
  readonly name: string;
}

/** One body for each field of our objects, with only that field misspelt. */
function fieldsOf(schema: Schema, at: readonly string[] = []): Misspelt[] {
  const { properties = {}, oneOf = [], anyOf = [] } = schema;
  const named = Object.entries(properties).filter(([, one]) => one.enum?.length === 1);
  const constants = Object.fromEntries(named.map(([name, one]) => [name, one.enum?.[0]]));
  const own = Object.keys(properties).flatMap((name): Misspelt[] => {
    const near = `${name}_`;
    return [{ body: { ...constants, [near]: 1 }, at: [...at, near].join("."), name }];
  });
  const inner = Object.entries(properties).flatMap(([name, one]) =>
    fieldsOf(one, [...at, name]).map((found) => ({ ...found, body: { ...constants, [name]: found.body } })),
  );
  return [...own, ...inner, ...[...oneOf, ...anyOf].flatMap((one) => fieldsOf(one, at))];
}
