import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash, randomInt } from "node:crypto";
import { handshakeServer } from "../../../test/handshake-server.ts";
import { frames } from "../../../test/raw-frames.ts";
import {
  exchange,
  type HeaderLines,
  handshakeText,
  type Reply,
  SAMPLE_ACCEPT,
  SAMPLE_KEY,
} from "../../../test/raw-http.ts";
import { ProblemError } from "../../lib/problem.ts";
import { type Handshake, readHandshake } from "./handshake.ts";

function asRequest(changes: HeaderLines = {}, query = "", method = "GET"): Request {
  const headers = new Headers({
    host: "localhost",
    upgrade: "websocket",
    connection: "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": SAMPLE_KEY,
  });
  for (const [name, value] of Object.entries(changes)) {
    headers.delete(name);
    for (const one of value === null ? [] : [value].flat()) headers.append(name, one as string);
  }
  return new Request(`http://localhost/ws${query}`, { method, headers });
}

function refusal(request: Request): ProblemError {
  try {
    readHandshake(request);
  } catch (error) {
    if (error instanceof ProblemError) return error;
    throw error;
  }
  throw new Error("the handshake was accepted");
}

const anonymous: Handshake = { token: null, protocol: null, resume: false, idleMs: null };

describe("reading a handshake", () => {
  const good: [string, HeaderLines, string, Partial<Handshake>][] = [
    ["the simplest", {}, "", {}],
    ["upper and lower case", { upgrade: "WebSocket", connection: "UPGRADE" }, "", {}],
    ["lists", { upgrade: "h2c, websocket", connection: "keep-alive, Upgrade" }, "", {}],
    ["lists over several lines", { upgrade: ["h2c", "websocket"], connection: ["keep-alive", "Upgrade"] }, "", {}],
    ["a body of nothing", { "content-length": "0" }, "", {}],
    ["a key with loose last bits", { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZR==" }, "", {}],
    ["a token in the query", {}, "?token=pl_abc", { token: "pl_abc" }],
    ["an empty token counts as absent", {}, "?token=", {}],
    ["the first of two tokens", {}, "?token=a&token=b", { token: "a" }],
    ["protocol and token", { "sec-websocket-protocol": "parley, pl_abc" }, "", { token: "pl_abc", protocol: "parley" }],
    ["no space", { "sec-websocket-protocol": "parley,pl_abc" }, "", { token: "pl_abc", protocol: "parley" }],
    ["two lines", { "sec-websocket-protocol": ["parley", "pl_abc"] }, "", { token: "pl_abc", protocol: "parley" }],
    ["protocol alone", { "sec-websocket-protocol": "parley" }, "", { protocol: "parley" }],
    ["token alone", { "sec-websocket-protocol": "pl_abc" }, "", { token: "pl_abc", protocol: "pl_abc" }],
    ["a JWT alone", { "sec-websocket-protocol": "ey.J0-_.x" }, "", { token: "ey.J0-_.x", protocol: "ey.J0-_.x" }],
    ["the query goes first", { "sec-websocket-protocol": "parley, b" }, "?token=a", { token: "a", protocol: "parley" }],
    ["the query before a token alone", { "sec-websocket-protocol": "b" }, "?token=a", { token: "a", protocol: "b" }],
    ["an empty query leaves the other", { "sec-websocket-protocol": "b" }, "?token=", { token: "b", protocol: "b" }],
    ["resume", {}, "?resume=1", { resume: true }],
    ["resume off", {}, "?resume=0", {}],
    ["idle", {}, "?idle=45", { idleMs: 45_000 }],
    ["idle at its end", {}, "?idle=120&resume=1&token=t", { idleMs: 120_000, resume: true, token: "t" }],
    ["idle beyond its end", {}, "?idle=121", { idleMs: 120_000 }],
    ["unknown parameters", {}, "?v=2&x", {}],
  ];
  test.each(good)("accepts %s", (_, changes, query, wanted) => {
    expect(readHandshake(asRequest(changes, query))).toEqual({ ...anonymous, ...wanted });
  });

  const bad: [string, HeaderLines, string, RegExp][] = [
    ["no Upgrade", { upgrade: null }, "", /`Upgrade: websocket` is missing$/],
    ["another Upgrade", { upgrade: "h2c" }, "", /`Upgrade: websocket` is missing/],
    ["a longer Upgrade", { upgrade: "websockets" }, "", /`Upgrade: websocket` is missing/],
    ["no Connection", { connection: null }, "", /`Connection: Upgrade` is missing$/],
    ["Connection: keep-alive", { connection: "keep-alive" }, "", /`Connection: Upgrade` is missing/],
    ["no key", { "sec-websocket-key": null }, "", /`Sec-WebSocket-Key` is missing/],
    ["an empty key", { "sec-websocket-key": "" }, "", /not 16 bytes in base64/],
    ["a key of 15 bytes", { "sec-websocket-key": "dGhlIHNhbXBsZSBub25j" }, "", /not 16 bytes in base64/],
    ["a key of 17 bytes", { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZWU=" }, "", /not 16 bytes/],
    ["a key of another alphabet", { "sec-websocket-key": "dGhlIHNhbXBsZSBub25j_-==" }, "", /not 16 bytes/],
    ["two keys", { "sec-websocket-key": [SAMPLE_KEY, SAMPLE_KEY] }, "", /appears twice/],
    ["a body", { "content-length": "3" }, "", /no body/],
    ["a chunked body", { "transfer-encoding": "chunked" }, "", /no body/],
    ["a malformed Host", { host: "a b" }, "", /Host/],
    ["two Hosts", { host: ["a", "b"] }, "", /Host/],
    ["three subprotocols", { "sec-websocket-protocol": "parley, a, b" }, "", /Sec-WebSocket-Protocol/],
    ["two tokens", { "sec-websocket-protocol": "a, b" }, "", /Sec-WebSocket-Protocol/],
    ["the wrong order", { "sec-websocket-protocol": "pl_abc, parley" }, "", /Sec-WebSocket-Protocol/],
    ["parley twice", { "sec-websocket-protocol": "parley, parley" }, "", /Sec-WebSocket-Protocol/],
    ["an empty subprotocol", { "sec-websocket-protocol": "" }, "", /Sec-WebSocket-Protocol/],
    ["an empty second one", { "sec-websocket-protocol": "parley," }, "", /Sec-WebSocket-Protocol/],
    ["no token characters", { "sec-websocket-protocol": "pl_a/b" }, "", /Sec-WebSocket-Protocol/],
    ["resume=yes", {}, "?resume=yes", /`resume` must be 1/],
    ["idle=0", {}, "?idle=0", /`idle` must be whole seconds/],
    ["idle of ten digits", {}, "?idle=1234567890", /`idle`/],
    ["idle=1.5", {}, "?idle=1.5", /`idle`/],
    ["idle=-5", {}, "?idle=-5", /`idle`/],
    ["idle=abc", {}, "?idle=abc", /`idle`/],
    ["idle=1e2", {}, "?idle=1e2", /`idle`/],
  ];
  test.each(bad)("refuses %s", (_, changes, query, message) => {
    const problem = refusal(asRequest(changes, query));
    expect(problem.code).toBe("handshake_invalid");
    expect(problem.message).toMatch(message);
  });

  test("names all that is missing at once", () => {
    const problem = refusal(new Request("http://localhost/ws"));
    expect(problem.code).toBe("handshake_invalid");
    expect(problem.message).toBe(
      "the header `Upgrade: websocket` is missing; the header `Connection: Upgrade` is missing; " +
        "the header `Sec-WebSocket-Version: 13` is missing; the header `Sec-WebSocket-Key` is missing",
    );
    expect(problem.extra?.errors).toHaveLength(4);
  });

  test.each(["8", "7", "0", "14", "13, 8", "x", "", null])("version %p gets 426", (version) => {
    expect(refusal(asRequest({ "sec-websocket-version": version })).code).toBe("upgrade_required");
  });

  test.each(["POST", "HEAD", "PUT", "OPTIONS"])("%s is no handshake", (method) => {
    expect(refusal(asRequest({}, "", method)).code).toBe("method_not_allowed");
  });

  test("a refusal repeats nothing that was sent", () => {
    const secrets = { "sec-websocket-protocol": "pl_SECRET, x", "sec-websocket-key": "pl_SECRET" };
    const problem = refusal(asRequest(secrets, "?token=pl_SECRET&idle=pl_SECRET"));
    expect(`${problem.message}${JSON.stringify(problem.extra)}`).not.toContain("SECRET");
  });
});

describe("handshakes over raw TCP", () => {
  let server: ReturnType<typeof handshakeServer>;
  beforeAll(() => {
    server = handshakeServer();
  });
  afterAll(() => server.stop(true));
  const send = (changes: HeaderLines = {}, line?: string) => exchange(server.port ?? 0, handshakeText(changes, line));

  test("the sample of the RFC", async () => {
    const reply = await send();
    expect(reply.status).toBe(101);
    expect(reply.headers.get("sec-websocket-accept")).toBe(SAMPLE_ACCEPT);
    expect(reply.headers.get("upgrade")?.toLowerCase()).toBe("websocket");
    expect(reply.headers.get("connection")?.toLowerCase()).toBe("upgrade");
    expect(reply.headers.has("sec-websocket-protocol")).toBeFalse();
    expect(reply.headers.has("sec-websocket-extensions")).toBeFalse();
  });

  test("Sec-WebSocket-Accept is right for 100 random keys", async () => {
    const seed = randomInt(2 ** 32);
    console.log(`seed of the keys: ${seed}`);
    const keys = Array.from({ length: 100 }, (_, i) =>
      createHash("sha256").update(`${seed}:${i}`).digest().subarray(0, 16).toString("base64"),
    );
    const replies = await Promise.all(keys.map((key) => send({ "Sec-WebSocket-Key": key })));
    const wanted = keys.map((key) =>
      createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64"),
    );
    expect(replies.map((reply) => reply.status)).toEqual(Array(100).fill(101));
    expect(replies.map((reply) => reply.headers.get("sec-websocket-accept"))).toEqual(wanted);
  });

  test("what was asked for reaches the connection", async () => {
    const text = handshakeText({ "Sec-WebSocket-Protocol": "parley, pl_abc" }, "GET /ws?resume=1&idle=60 HTTP/1.1");
    const [first] = await frames(server.port ?? 0, text, 1);
    expect(JSON.parse(String(first?.body))).toEqual({
      token: "pl_abc",
      protocol: "parley",
      resume: true,
      idleMs: 60_000,
    });
  });

  test.each([
    ["parley, pl_abc", "parley"],
    [["parley", "pl_abc"], "parley"],
    ["parley", "parley"],
    ["pl_abc", "pl_abc"],
  ])("subprotocol %p is answered %s", async (offer, answer) => {
    const reply = await send({ "Sec-WebSocket-Protocol": offer });
    expect([reply.status, reply.headers.get("sec-websocket-protocol")]).toEqual([101, answer]);
  });

  const refused: [string, HeaderLines, string, number, string][] = [
    ["version 8", { "Sec-WebSocket-Version": "8" }, "GET /ws HTTP/1.1", 426, "upgrade_required"],
    ["no version", { "Sec-WebSocket-Version": null }, "GET /ws HTTP/1.1", 426, "upgrade_required"],
    ["two versions", { "Sec-WebSocket-Version": ["8", "13"] }, "GET /ws HTTP/1.1", 426, "upgrade_required"],
    ["no key", { "Sec-WebSocket-Key": null }, "GET /ws HTTP/1.1", 400, "handshake_invalid"],
    ["short key", { "Sec-WebSocket-Key": "c2hvcnQ=" }, "GET /ws HTTP/1.1", 400, "handshake_invalid"],
    ["two keys", { "Sec-WebSocket-Key": [SAMPLE_KEY, SAMPLE_KEY] }, "GET /ws HTTP/1.1", 400, "handshake_invalid"],
    ["no Upgrade", { Upgrade: null }, "GET /ws HTTP/1.1", 400, "handshake_invalid"],
    ["Upgrade: h2c", { Upgrade: "h2c" }, "GET /ws HTTP/1.1", 400, "handshake_invalid"],
    ["no Connection", { Connection: null }, "GET /ws HTTP/1.1", 400, "handshake_invalid"],
    ["Connection: close", { Connection: "close" }, "GET /ws HTTP/1.1", 400, "handshake_invalid"],
    ["two Hosts", { Host: ["a", "b"] }, "GET /ws HTTP/1.1", 400, "handshake_invalid"],
    ["malformed Host", { Host: "a/b c" }, "GET /ws HTTP/1.1", 400, "handshake_invalid"],
    ["malformed Host beside a token", { Host: "a b" }, "GET /ws?token=x HTTP/1.1", 400, "handshake_invalid"],
    ["foreign subprotocols", { "Sec-WebSocket-Protocol": "mqtt, stomp" }, "GET /ws HTTP/1.1", 400, "handshake_invalid"],
    ["bad idle", {}, "GET /ws?idle=none HTTP/1.1", 400, "handshake_invalid"],
    ["POST", {}, "POST /ws HTTP/1.1", 405, "method_not_allowed"],
    ["PUT", { "Content-Length": "0" }, "PUT /ws HTTP/1.1", 405, "method_not_allowed"],
  ];
  test.each(refused)("%s is refused with a problem document", async (_, changes, line, status, code) => {
    const reply = await send(changes, line);
    expect(reply.status).toBe(status);
    expect(problemOf(reply)).toMatchObject({ status, code });
    if (status === 426) expect(reply.headers.get("sec-websocket-version")).toBe("13");
    if (status === 405) expect(reply.headers.get("allow")).toBe("GET");
  });

  test("a handshake with a body is refused, and the body is not read as frames", async () => {
    const reply = await exchange(server.port ?? 0, `${handshakeText({ "Content-Length": "3" })}abc`);
    expect([reply.status, problemOf(reply).code]).toEqual([400, "handshake_invalid"]);
  });
});

function problemOf(reply: Reply): Record<string, unknown> {
  expect(reply.headers.get("content-type")).toBe("application/problem+json");
  return JSON.parse(reply.body) as Record<string, unknown>;
}
