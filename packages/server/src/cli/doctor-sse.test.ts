import { expect, test } from "bun:test";
import { checkEventStream } from "./doctor-sse.ts";

async function check(answer: () => Response) {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch: answer });
  try {
    return await checkEventStream(server.url);
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
  [404, "info", "SSE is not offered by this server"],
  [401, "info", "SSE needs a signed-in user here; buffering was not checked"],
  [502, "fail", "SSE is refused with 502"],
])("an answer of %i", async (status, level, text) => {
  expect(await check(() => new Response("", { status }))).toMatchObject({ level, text });
});
