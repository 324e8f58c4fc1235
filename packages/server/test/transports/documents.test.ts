import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestServer } from "../harness.ts";
import { SseReader } from "../sse-reader.ts";

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
}, 30_000);
afterAll(() => server.stop());

interface Operation {
  readonly parameters?: readonly { name: string; in: string; required?: boolean }[];
  readonly requestBody?: { content: Record<string, { schema: { properties: object } }> };
  readonly responses: Record<string, { content?: object }>;
  readonly security: readonly object[];
}

test("TR-30: the routes of events are in the document, with what they take and give", async () => {
  const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, Operation>>;
  };
  const poll = paths["/api/v1/events"];
  const stream = paths["/api/v1/events/stream"];
  const names = (operation?: Operation) =>
    operation?.parameters?.map(({ name, in: place }) => `${place} ${name}`).sort();
  expect(names(poll?.get)).toEqual(["cursor", "limit", "max", "token", "wait"].map((name) => `query ${name}`));
  expect(names(poll?.post)).toEqual(["query token"]);
  expect(Object.keys(poll?.post?.requestBody?.content["application/json"]?.schema.properties ?? {}).sort()).toEqual([
    "cursor",
    "limit",
    "max",
    "wait",
  ]);
  expect(names(stream?.get)).toEqual(["cursor", "lastEventId", "max", "token"].map((name) => `query ${name}`));
  expect(Object.keys(poll?.get?.responses[200]?.content ?? {})).toEqual(["application/json"]);
  expect(Object.keys(stream?.get?.responses[200]?.content ?? {})).toEqual(["text/event-stream"]);
  for (const operation of [poll?.get, poll?.post, stream?.get]) {
    expect(operation?.security).toEqual([{ bearer: [] }, {}]);
    expect(Object.keys(operation?.responses ?? {})).toEqual(
      expect.arrayContaining(["200", "400", "401", "429", "503"]),
    );
  }
});

test("TR-31: a token in the query signs in, and is in no line of the log, whatever comes of the request", async () => {
  const ben = await server.person("ben");
  const ask = (path: string, method = "GET") => fetch(`${server.url}/api/v1${path}`, { method });
  const { cursor } = await (await ask(`/events?token=${ben.token}`)).json();
  const reader = await SseReader.open(server.url, "", `?token=${ben.token}`);
  const statuses = [];
  for (const query of [`cursor=${cursor}`, "cursor=rubbish", "limit=0", "wait=x"]) {
    statuses.push((await ask(`/events?token=${ben.token}&${query}`)).status);
    statuses.push((await ask(`/events/stream?token=${ben.token}x&${query}`)).status);
  }
  statuses.push((await ask(`/events?token=${ben.token}`, "DELETE")).status);
  expect([reader.status, ...statuses]).toEqual([200, 200, 401, 400, 401, 400, 401, 400, 401, 405]);
  reader.close();
  const log = server.log.join("");
  expect(log).toContain('"/api/v1/events"');
  expect(log).not.toContain(ben.token);
  expect(log).not.toContain("token=");
});
