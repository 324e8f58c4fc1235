import { describe, expect, test } from "bun:test";
import { say } from "../../server/test/harness.ts";
import { range } from "../../server/test/transports/stage.ts";
import type { TransportName } from "../src/connection/transports/transport.ts";
import type { ClientOptions } from "../src/options.ts";
import { OneBrowser } from "./rig/one-browser.ts";
import { ServerRig } from "./rig/rig.ts";
import { SlowLine } from "./rig/slow-line.ts";

/** Much longer than a piece takes on this line, also where the machine stands still for a moment, and shorter than a reply does. */
const IMPATIENT = { answerMs: 2_000, requestMs: 2_000, openMs: 2_000 };
const TRANSPORTS: readonly TransportName[] = ["websocket", "sse", "long-poll", "short-poll"];
const TEXTS = range(1, 12).map((number) => `${number} ${"長".repeat(700)}`);
/** Enough for texts of 25 KB. */
const WITHIN_MS = 30_000;

const BYTES_PER_SECOND = 7_000;

describe(`on a line of ${BYTES_PER_SECOND} bytes a second`, () => {
  const rig = new ServerRig({ RATE_LIMITS: "off" });

  /** A room in which much has been said since the cursor. */
  async function missed() {
    const room = await rig.stage.room();
    const cursor = await rig.stage.now();
    for (const text of TEXTS) await say(rig.stage.ann, room, text);
    return { room, cursor };
  }
  const slow = async () => rig.use(await SlowLine.open(rig.stage.server.url, BYTES_PER_SECOND));
  const open = (line: SlowLine, more: Partial<ClientOptions>) =>
    rig.open({ url: line.url, ...more }, { timing: IMPATIENT });

  test.each(TRANSPORTS)(
    "SDK-15: what was missed comes once and in order by %s, and every reply is read to its end",
    async (transport) => {
      const { room, cursor } = await missed();
      const line = await slow();
      const watched = open(line, { transports: [transport], cursor });
      await watched.until(() => watched.texts(room).length >= TEXTS.length, "all of them", WITHIN_MS);
      await watched.live(transport);
      expect(watched.texts(room)).toEqual(TEXTS);
      // Nothing was given up and asked for again.
      expect(watched.states.map(({ kind }) => kind)).toEqual(["connecting", "catching-up", "live"]);
      expect(line.bytes).toBeLessThan(45_000);
    },
    2 * WITHIN_MS,
  );

  test(
    "SDK-15: a page of history is read to its end",
    async () => {
      const { room } = await missed();
      const watched = open(await slow(), { transports: ["websocket"] });
      await watched.live();
      const page = await watched.client.request("GET /rooms/{id}/messages", {
        path: { id: room },
        query: { limit: 20 },
      });
      expect(page.items).toHaveLength(TEXTS.length);
    },
    WITHIN_MS,
  );

  test(
    "SDK-15: state is read to its end after RESYNC, however large",
    async () => {
      const rooms = [];
      for (const text of TEXTS) {
        rooms.push(await rig.stage.room());
        await say(rig.stage.ann, rooms.at(-1) as number, text);
      }
      const watched = open(await slow(), { transports: ["websocket"], cursor: "0123456789abcdef;*@1" });
      await watched.until(() => watched.reloads.length > 0, "the state", WITHIN_MS);
      await watched.live("websocket");
      const [state] = watched.reloads as { rooms: { id: number }[] }[];
      expect(state?.rooms.map(({ id }) => id)).toEqual(expect.arrayContaining(rooms));
      expect(watched.states.map(({ kind }) => kind)).not.toContain("waiting");
    },
    2 * WITHIN_MS,
  );

  test(
    "SDK-15: a second tab catches up",
    async () => {
      const uninstall = new OneBrowser().install();
      try {
        const { room, cursor } = await missed();
        const line = await slow();
        const first = open(line, { tabs: true });
        await first.live("websocket");
        const second = open(line, { tabs: true, cursor });
        await second.until(() => second.texts(room).length >= TEXTS.length, "all of them", WITHIN_MS);
        await second.live("tab");
        expect(second.texts(room)).toEqual(TEXTS);
        expect(second.states.map(({ kind }) => kind)).not.toContain("waiting");
        second.client.stop();
        first.client.stop();
      } finally {
        uninstall();
      }
    },
    2 * WITHIN_MS,
  );
});
