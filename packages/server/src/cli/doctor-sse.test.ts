import { expect, test } from "bun:test";
import { checkEventStream } from "./doctor-sse.ts";

async function check(answer: (request: Request) => Response, token?: string) {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch: answer });
  try {
    return await checkEventStream(server.url, token);
  } finally {
    await server.stop(true);
  }
}

test("a stream whose first frame comes at once, and which then goes on", async () => {
  const stream = () =>
    new ReadableStream({
      start: (controller) => controller.enqueue('data: {"type":101}\n\n'),
    });
  const answer = () => new Response(stream(), { headers: { "Content-Type": "text/event-stream" } });
  expect(await check(answer)).toEqual({ level: "ok", text: "SSE arrives at once" });
});

test.each([
  [404, "fail", "SSE is refused with 404: a proxy does not forward /api/v1/events/stream"],
  [401, "skip", "whether a proxy holds pushes over SSE back was not checked; --token TOKEN does"],
  [502, "fail", "SSE is refused with 502"],
])("an answer of %i", async (status, level, text) => {
  expect(await check(() => new Response("", { status }))).toMatchObject({ level, text });
});

test("a token is sent, and refused it is a failure", async () => {
  const answer = (request: Request) =>
    new Response("", { status: request.headers.get("Authorization") === "Bearer mine" ? 401 : 500 });
  expect(await check(answer, "mine")).toEqual({ level: "fail", text: "SSE is refused with 401" });
});

test("what comes only when much has been gathered is a failure", async () => {
  let end: () => void = () => {};
  const stream = () =>
    new ReadableStream({
      start: (controller) => {
        const late = setTimeout(() => controller.enqueue("data: {}\n\n"), 3500);
        end = () => clearTimeout(late);
      },
    });
  const began = performance.now();
  const { level, text } = await check(
    () => new Response(stream(), { headers: { "Content-Type": "text/event-stream" } }),
  );
  const seconds = (performance.now() - began) / 1000;
  end();
  expect(level).toBe("fail");
  // To one place.
  const said = Number(/^SSE arrives (\d\.\d) s late: .*proxy_buffering off/.exec(text)?.[1]);
  expect(said).toBeGreaterThanOrEqual(3.5);
  expect(said).toBeLessThan(seconds + 0.1);
}, 30_000);
