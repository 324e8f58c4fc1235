import { afterEach, describe, expect, test } from "bun:test";
import { examinedServer, faultyProxy, type ProxyFaults } from "../../test/examined-server.ts";
import { freePort } from "../../test/free-port.ts";
import { UsageError } from "./command.ts";
import { runDoctor } from "./doctor.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function start<S extends Bun.Server<undefined>>(server: S): number {
  stops.push(() => server.stop(true));
  return server.port ?? 0;
}

async function behindProxy(faults: ProxyFaults, proxies?: readonly string[]): Promise<string> {
  const proxy = await faultyProxy(start(examinedServer(proxies)), faults);
  stops.push(proxy.stop);
  return `http://127.0.0.1:${proxy.port}`;
}

async function doctor(...args: string[]) {
  const lines: string[] = [];
  const code = await runDoctor(args, (line) => lines.push(line));
  return { code, lines, text: lines.join("\n") };
}

describe("DOC-1: parley doctor", () => {
  test("a server that is well", async () => {
    const port = start(examinedServer());
    const { code, lines } = await doctor(`127.0.0.1:${port}/some/path`);
    expect(lines).toEqual([
      `Examining http://127.0.0.1:${port}`,
      "ok    the server answers",
      `info  it sees the client 127.0.0.1 (peer 127.0.0.1, no forwarding header) at http://127.0.0.1:${port}`,
      "info  trusted proxies: 127.0.0.0/8, ::1/128",
      "ok    a WebSocket connection opens, and frames pass both ways",
      "skip  idle connections were not checked; --idle 70 does that",
      "skip  whether a token gets through a WebSocket handshake was not checked; --token TOKEN does",
      "ok    a WebSocket connection to /websocket opens too",
      "skip  whether a proxy holds pushes over SSE back was not checked; --token TOKEN does",
      "ok    the CORS headers come once",
      "What was checked is well. 3 checks were not done.",
    ]);
    expect(code).toBe(0);
  });

  test("--idle: a connection that stays", async () => {
    const { code, text } = await doctor(`http://127.0.0.1:${start(examinedServer())}`, "--idle", "1");
    expect(text).toContain("ok    a connection without pushes stayed open for 1 s");
    expect(code).toBe(0);
  }, 30_000);

  test("--idle: a proxy that cuts", async () => {
    const url = await behindProxy({ cutAfterMs: 1000 });
    const began = performance.now();
    const { code, text } = await doctor(url, "--idle", "30");
    const seconds = (performance.now() - began) / 1000;
    const cut = /fail {2}the connection was cut after (\d+) s without a close frame.*proxy_read_timeout/.exec(text);
    expect(Number(cut?.[1])).toBeLessThanOrEqual(seconds + 0.5);
    expect(text).toEndWith("One check failed. 2 checks were not done.");
    expect(code).toBe(1);
  }, 20_000);

  test("a good proxy that tells the client's address", async () => {
    const rewrite = (head: string) => head.replace("\r\n", "\r\nX-Forwarded-For: 203.0.113.5\r\n");
    const { code, text } = await doctor(await behindProxy({ rewrite }));
    expect(text).toContain("it sees the client 203.0.113.5 (peer 127.0.0.1, forwarded for 203.0.113.5)");
    expect(text).toEndWith("What was checked is well. 3 checks were not done.");
    expect(code).toBe(0);
  });

  test("a proxy that is not trusted", async () => {
    const rewrite = (head: string) => head.replace("\r\n", "\r\nX-Forwarded-For: 203.0.113.5\r\n");
    const { code, text } = await doctor(await behindProxy({ rewrite }, ["10.0.0.0/8"]));
    expect(text).toMatch(/warn {2}127\.0\.0\.1 sends X-Forwarded-For.*TRUSTED_PROXIES=<as it is now>,127\.0\.0\.1/);
    expect(text).toEndWith("It works; see the warnings. 3 checks were not done.");
    expect(code).toBe(0);
  });

  test("a proxy that drops the headers of the upgrade", async () => {
    const rewrite = (head: string) =>
      head.replace(/Upgrade: websocket\r\n/i, "").replace(/Connection: Upgrade/i, "Connection: close");
    const { code, text } = await doctor(await behindProxy({ rewrite }));
    expect(text).toMatch(
      /fail {2}a WebSocket connection to \/ws is refused with 400 .*`Upgrade: websocket` is missing.*proxy_set_header Upgrade/,
    );
    expect(code).toBe(1);
  });

  test("a proxy that changes the Host", async () => {
    const rewrite = (head: string) => head.replace(/Host: [^\r]*/i, "Host: backend");
    const url = await behindProxy({ rewrite });
    const { code, text } = await doctor(url);
    expect(text).toContain("warn  the server believes that it is at backend");
    expect(text).toContain(`is refused with 403: it takes pages of ${url} for those of another host`);
    expect(text).toContain(`PUBLIC_URL=${url}`);
    expect(code).toBe(1);
  });

  test("a proxy that passes /ws on and not /websocket", async () => {
    const rewrite = (head: string) => head.replace("GET /websocket", "GET /nowhere");
    const { code, text } = await doctor(await behindProxy({ rewrite }));
    expect(text).toContain("ok    a WebSocket connection opens, and frames pass both ways");
    expect(text).toMatch(
      /warn {2}a WebSocket connection to \/websocket is refused with 404: .* let the proxy pass it on like \/ws/,
    );
    expect(text).toEndWith("It works; see the warnings. 3 checks were not done.");
    expect(code).toBe(0);
  });

  test("a second port that is not open from here", async () => {
    const closed = freePort();
    const { code, text } = await doctor(
      `http://127.0.0.1:${start(examinedServer(undefined, { WS_PORT: `${closed}` }))}`,
    );
    expect(text).toMatch(
      new RegExp(`warn {2}a WebSocket connection to port ${closed} fails: .*only your proxy uses WS_PORT`),
    );
    expect(text).toEndWith("It works; see the warnings. 3 checks were not done.");
    expect(code).toBe(0);
  });

  test("nothing listens", async () => {
    const port = freePort();
    const { code, text } = await doctor(`http://127.0.0.1:${port}`);
    expect(text).toContain(`fail  cannot reach http://127.0.0.1:${port}: nothing listens there`);
    expect(text).toContain(`is ${port} its port?`);
    expect(code).toBe(1);
  });

  test("a host that is not there", async () => {
    const { code, text } = await doctor("http://host.invalid");
    expect(text).toContain("fail  cannot reach http://host.invalid: there is no host host.invalid");
    expect(code).toBe(1);
  });

  test.each([
    ["another program", () => new Response("<html>"), /answers 200, but not as Parley/],
    [
      "a path that is not passed on",
      () => new Response("no", { status: 404 }),
      /answers 404.*does a proxy not forward \/api/,
    ],
    ["a dead server behind a proxy", () => new Response("bad gateway", { status: 502 }), /a proxy answers \(502\)/],
    ["a restart", () => Response.json({ code: "draining" }, { status: 503 }), /restarting or overloaded/],
    [
      "a redirect",
      () => Response.redirect("https://chat.example.com/x", 301),
      /redirects to https:\/\/chat\.example\.com/,
    ],
  ])("%s", async (_, answer, wanted) => {
    const port = start(Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer }));
    const { code, text } = await doctor(`http://127.0.0.1:${port}`);
    expect(text).toMatch(wanted);
    expect(code).toBe(1);
  });

  test.each([
    [[]],
    [["a", "b"]],
    [["ftp://x"]],
    [["http://"]],
    [["http://x", "--idle", "0"]],
    [["http://x", "--idle", "1h"]],
    [["http://x", "--token", ""]],
    [["http://x", "--token", "two words"]],
  ])("%j is a wrong call", async (args) => {
    expect(runDoctor(args, () => {})).rejects.toThrow(UsageError);
  });
});
