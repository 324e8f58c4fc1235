import { afterEach, expect, test } from "bun:test";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { examinedServer } from "../../test/examined-server.ts";
import { freePort } from "../../test/free-port.ts";
import { checkCors } from "./doctor-cors.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A proxy that adds a header of its own to replies, to preflights too unless it answers them otherwise. */
async function proxyThatAdds(target: string, { preflights = true } = {}): Promise<URL> {
  const proxy: Server = createServer(async (request, reply) => {
    const { origin } = request.headers;
    const asked = await fetch(new URL(request.url ?? "/", target), {
      method: request.method ?? "GET",
      headers: { host: request.headers.host ?? "", ...(origin && { origin }), "access-control-request-method": "GET" },
    });
    const own = request.method === "OPTIONS" && !preflights ? [] : ["*"];
    const given = asked.headers.get("access-control-allow-origin");
    reply.setHeader("Access-Control-Allow-Origin", given === null ? own : [given, ...own]);
    reply.writeHead(asked.status).end(await asked.text());
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  stops.push(() => proxy.close());
  return new URL(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
}

function server(settings: Record<string, string> = {}): URL {
  const examined = examinedServer(undefined, settings);
  stops.push(() => examined.stop(true));
  return new URL(`http://127.0.0.1:${examined.port}`);
}

const DOUBLED = /^Access-Control-Allow-Origin comes twice \(http.*, \*\), so .* CORS=proxy$/;

test("HTTP-52: the doctor is content with headers that come once, from the server or from a proxy", async () => {
  const ok = { level: "ok", text: "the CORS headers come once" } as const;
  expect(await checkCors(server())).toEqual(ok);
  expect(await checkCors(await proxyThatAdds(server({ CORS: "proxy" }).href))).toEqual(ok);
});

test("HTTP-52: the doctor names headers that come twice, and what to do", async () => {
  const found = await checkCors(await proxyThatAdds(server().href));
  expect(found).toEqual({ level: "fail", text: expect.stringMatching(DOUBLED) });
  expect((await checkCors(await proxyThatAdds(server().href, { preflights: false }))).level).toBe("fail");
});

test("HTTP-52: the doctor says where nobody sends them", async () => {
  expect(await checkCors(server({ CORS: "proxy" }))).toEqual({
    level: "info",
    text: expect.stringContaining("CORS=proxy"),
  });
});

test("a server that cannot be reached is a finding", async () => {
  expect((await checkCors(new URL(`http://127.0.0.1:${freePort()}`))).level).toBe("fail");
});
