import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { delay } from "../../src/lib/interval.ts";
import { ApiClient } from "../api-client.ts";
import { say } from "../harness.ts";
import { LiveClient } from "../live-client.ts";
import { haproxy, nginx, ReverseProxy } from "../reverse-proxy.ts";
import { SseReader } from "../sse-reader.ts";
import { shortPollByGet } from "./polling.ts";
import { events, Stage, streamOf, texts } from "./stage.ts";
import { TRANSPORTS, through } from "./transports.ts";

const CLIENT = "203.0.113.7";
const FORWARDED = { "X-Forwarded-For": CLIENT };

for (const kind of [nginx, haproxy]) {
  describe.skipIf(!kind.program)(`through ${kind.name}`, () => {
    let stage: Stage;
    let proxy: ReverseProxy;
    beforeAll(async () => {
      stage = await Stage.open();
      proxy = await ReverseProxy.start(kind, stage.server.url);
    }, 30_000);
    afterAll(async () => {
      await stage.close();
      await proxy.stop();
    });

    for (const [how, bare] of [
      ...TRANSPORTS.map((one) => [one.name, one] as const),
      ["GET", shortPollByGet] as const,
    ]) {
      test(`TR-1, TR-2: ${how}: what was missed comes, then what is new`, async () => {
        const room = await stage.room();
        const cursor = await stage.now();
        await say(stage.ann, room, "missed");
        const reader = await stage.read(through(proxy.url, bare), { cursor });
        await reader.until((frames) => events({ frames }, streamOf(room)).length === 1, "what was missed");
        // First come several kilobytes, and then so little that a buffer would wait for more.
        await say(stage.ann, room, "x".repeat(4000));
        await say(stage.ann, room, "new");
        await reader.until((frames) => texts({ frames }, room).at(-1) === "new", "what is new");
        expect(texts(reader, room)).toEqual(["missed", "x".repeat(4000), "new"]);
        reader.close();
      });
    }

    test("TR-20: an event stream's first frame comes at once, and so does each later one", async () => {
      const reader = await SseReader.open(proxy.url, stage.ben.token);
      expect((await reader.frame(Push.READY)).data.cursor).toBeString();
      await reader.frame(Push.RED_DOT);
      await say(stage.ann, stage.lobby, "alone");
      await reader.frame(Push.MESSAGE);
      reader.close();
    });

    test("TR-27: that an event stream's client has gone is passed on, at the latest with what is sent next", async () => {
      const cai = await stage.person();
      const room = await stage.room([cai]);
      const reader = await SseReader.open(proxy.url, cai.token);
      await reader.frame(Push.RED_DOT);
      const [connection] = stage.server.hub.ofUser(cai.uid);
      reader.close();
      for (let turn = 0; connection && !connection.closed; turn++) {
        if (turn > 1000) throw new Error("the server still sends to a client that has gone");
        await say(stage.ann, room, "anybody there?");
        await delay(10);
      }
      expect(connection?.closed).toBeTrue();
    }, 60_000);

    test("HTTP-13: the client's address is known on every transport, though the server sees the proxy's", async () => {
      const cai = await stage.person();
      const api = new ApiClient(proxy.url, cai.token);
      const doctor = await api.call<{ clientIp: string; peerIp: string }>("GET", "/doctor", undefined, FORWARDED);
      expect(doctor.body).toMatchObject({ clientIp: CLIENT, peerIp: "127.0.0.1" });
      const socket = await LiveClient.open(proxy.url, { token: cai.token, headers: FORWARDED });
      await socket.frame(Push.RED_DOT);
      const abort = new AbortController();
      const headers = { ...FORWARDED, Authorization: `Bearer ${cai.token}` };
      await fetch(`${proxy.url}/api/v1/events/stream`, { headers, signal: abort.signal });
      const ips = [...stage.server.hub.ofUser(cai.uid)].map(({ origin }) => origin.ip);
      expect(ips).toEqual([CLIENT, CLIENT]);
      socket.close();
      abort.abort();
    });
  });
}
