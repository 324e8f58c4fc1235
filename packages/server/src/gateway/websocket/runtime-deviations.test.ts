import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { handshakeServer } from "../../../test/handshake-server.ts";
import { clientFrame, frames } from "../../../test/raw-frames.ts";
import { exchange, handshakeText, SAMPLE_ACCEPT, SAMPLE_KEY } from "../../../test/raw-http.ts";
import { nextTurn, withDeadline } from "../../lib/interval.ts";

// Each test begins with the number of its row in docs/runtime-deviations.md. When one fails after an update of the runtime,
// the row has changed: correct the document, and drop what our code no longer has to make up for.
describe("deviations of the runtime", () => {
  let server: ReturnType<typeof handshakeServer>;
  let violation = Promise.withResolvers<number>();
  beforeAll(() => {
    server = handshakeServer((code, reason) => {
      // Connections that merely end have no reason.
      if (reason !== "") violation.resolve(code);
    });
  });
  beforeEach(() => {
    violation = Promise.withResolvers();
  });
  afterAll(() => server.stop(true));
  const send = (bytes: string | Buffer) => exchange(server.port ?? 0, bytes);
  const get = (path: string, headers: string) => send(`GET ${path} HTTP/1.1\r\n${headers}\r\n`);

  test("17: a request behind a POST that is not answered yet ends the connection, and neither gets an answer", async () => {
    const slow = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        await nextTurn();
        return new Response(await request.text());
      },
    });
    try {
      const post = "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab";
      expect((await exchange(slow.port ?? 0, post)).status).toBe(200);
      expect((await exchange(slow.port ?? 0, post + post)).status).toBe(0);
    } finally {
      await slow.stop(true);
    }
  });

  test.each([
    [false, "", ["begun", "aborted", "done"]],
    [true, "answer", ["begun", "done"]],
  ])(
    "18: of a client that ends its side behind its request, with the answer there at once: %p",
    async (isThere, body, expected) => {
      const seen: string[] = [];
      const { promise: isDone, resolve: done } = Promise.withResolvers<void>();
      const busy = Bun.serve({
        port: 0,
        hostname: "127.0.0.1",
        fetch: async ({ signal }) => {
          seen.push("begun");
          if (!isThere) await new Promise((resolve) => signal.addEventListener("abort", resolve));
          if (signal.aborted) seen.push("aborted");
          seen.push("done");
          done();
          return new Response("answer");
        },
      });
      try {
        const socket = connect({ port: busy.port ?? 0, host: "127.0.0.1", allowHalfOpen: true });
        let text = "";
        const ended = new Promise<void>((resolve) => void socket.on("error", () => {}).on("close", () => resolve()));
        socket.on("data", (data) => {
          text += data;
        });
        socket.end("GET /p HTTP/1.1\r\nHost: x\r\n\r\n");
        await withDeadline(Promise.all([ended, isDone]), 5000, "it did not end");
        expect([text.split("\r\n\r\n")[1] ?? "", seen]).toEqual([body, expected]);
      } finally {
        await busy.stop(true);
      }
    },
  );

  test("1: a handshake over HTTP/1.0 is accepted", async () => {
    const reply = await send(handshakeText({}, "GET /ws HTTP/1.0"));
    expect([reply.status, reply.headers.get("sec-websocket-accept")]).toEqual([101, SAMPLE_ACCEPT]);
  });

  test.each([
    ["2: no Host", "GET /ws HTTP/1.1\r\n\r\n", 400],
    ["3: a header of more than 16 KiB", `GET /p HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(17_000)}\r\n\r\n`, 431],
    ["3: a path of more than 16 KiB", `GET /${"a".repeat(17_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    ["3: 250 header lines", `GET /p HTTP/1.1\r\nHost: x\r\n${"X: 1\r\n".repeat(250)}\r\n`, 431],
    ["4: a lower-case method", "get /p HTTP/1.1\r\nHost: x\r\n\r\n", 0],
    ["4: an unknown method", "FOO /p HTTP/1.1\r\nHost: x\r\n\r\n", 0],
    ["5: HTTP/1.2", "GET /p HTTP/1.2\r\nHost: x\r\n\r\n", 505],
    ["5: line feeds alone", "GET /p HTTP/1.1\nHost: x\n\n", 505],
    ["6: a folded header", "GET /p HTTP/1.1\r\nHost: x\r\nA: 1\r\n 2\r\n\r\n", 400],
    ["6: a space before the colon", "GET /p HTTP/1.1\r\nHost : x\r\n\r\n", 400],
    ["6: a NUL", "GET /p HTTP/1.1\r\nHost: x\r\nA: a\0b\r\n\r\n", 400],
    ["6: two lengths", "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400],
    [
      "6: length and chunks",
      "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    ["6: OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["6: an empty line first", "\r\nGET /p HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["7: the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
  ])("%s is answered without a document", async (_, bytes, status) => {
    const reply = await send(bytes);
    expect([reply.status, reply.body]).toEqual([status, ""]);
  });

  test("8: in an absolute request target the Host header wins", async () => {
    const reply = await send("GET http://other.example/p HTTP/1.1\r\nHost: mine.example\r\n\r\n");
    expect(JSON.parse(reply.body)).toMatchObject({ url: "http://mine.example/p" });
  });

  test("9: two Host lines reach us joined, and the URL has the first", async () => {
    const reply = await get("/p", "Host: a.example\r\nHost: b.example\r\n");
    expect(JSON.parse(reply.body)).toMatchObject({ url: "http://a.example/p", host: "a.example, b.example" });
  });

  test.each([
    ["malformed", "GET /p HTTP/1.1\r\nHost: a b/c\r\n\r\n"],
    ["empty", "GET /p HTTP/1.1\r\nHost:\r\n\r\n"],
    ["absent in HTTP/1.0", "GET /p HTTP/1.0\r\n\r\n"],
  ])("10: where Host is %s the URL is a bare path", async (_, bytes) => {
    expect(JSON.parse((await send(bytes)).body)).toMatchObject({ url: "/p" });
  });

  test("10: a handshake with an empty Host is accepted all the same", async () => {
    expect((await send(handshakeText({ Host: "" }))).status).toBe(101);
  });

  test.each([
    ["no Connection", { Connection: null }],
    ["Connection: close", { Connection: "close" }],
    ["a body", { "Content-Length": "3" }],
    ["two Hosts", { Host: ["a", "b"] }],
  ])("11: upgrade by itself accepts %s, our transport does not", async (_, changes) => {
    expect((await send(handshakeText(changes, "GET /plain HTTP/1.1"))).status).toBe(101);
    expect((await send(handshakeText(changes))).status).toBe(400);
  });

  test("12: upgrade by itself answers the first subprotocol offered", async () => {
    const text = handshakeText({ "Sec-WebSocket-Protocol": "a, b" }, "GET /plain HTTP/1.1");
    expect((await send(text)).headers.get("sec-websocket-protocol")).toBe("a");
  });

  test("13: upgrade by itself answers a wrong version without a document, and a bad key not at all", async () => {
    const version = await send(handshakeText({ "Sec-WebSocket-Version": "8" }, "GET /plain HTTP/1.1"));
    expect([version.status, version.body, version.headers.get("sec-websocket-version")]).toEqual([426, "", "13"]);
    const key = await send(handshakeText({ "Sec-WebSocket-Key": `${SAMPLE_KEY}x` }, "GET /plain HTTP/1.1"));
    expect(key.body).toBe("refused by the runtime");
  });

  const afterHandshake = async (bytes: Buffer): Promise<string> => {
    const [, second] = await frames(server.port ?? 0, Buffer.concat([Buffer.from(handshakeText()), bytes]), 2);
    return second?.opcode === 8 ? `close ${second.body.readUInt16BE(0)}` : String(second?.body);
  };

  test("14: a frame right behind the handshake is delivered, also with a length longer than need be", async () => {
    expect(await afterHandshake(clientFrame("hi"))).toBe("hi");
    expect(await afterHandshake(Buffer.from([0x81, 0x80 | 126, 0, 2, 0, 0, 0, 0, 0x68, 0x69]))).toBe("hi");
  });

  test("15: invalid UTF-8 in a fragment is refused at the message's end", async () => {
    const start = clientFrame(Buffer.from([0xff, 0xfe]), 0x01);
    expect(await afterHandshake(Buffer.concat([start, clientFrame("p", 0x89)]))).toBe("p");
    expect(await afterHandshake(Buffer.concat([start, clientFrame("", 0x80)]))).toBe("close 1007");
  });

  test.each([
    ["an unmasked frame", Buffer.from([0x81, 1, 0x68]), "close 1002"],
    ["a reserved bit", clientFrame("x", 0xc1), "close 1002"],
    ["a frame too big", Buffer.from([0x81, 0x80 | 126, 0x20, 0x01, 0, 0, 0, 0]), "close 1009"],
  ])("16: %s: the peer sees the right code, our handler 1006", async (_, bytes, seen) => {
    expect(await afterHandshake(bytes)).toBe(seen);
    expect(await withDeadline(violation.promise, 5000, "no close")).toBe(1006);
  });
});
