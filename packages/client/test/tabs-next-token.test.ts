import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { say } from "../../server/test/harness.ts";
import { Product } from "../../server/test/product.ts";
import { OneBrowser } from "./rig/one-browser.ts";
import { Rig } from "./rig/rig.ts";

describe("tabs of one browser whose tokens the product makes", () => {
  const rig = new Rig();
  const browser = new OneBrowser();
  let product: Product;
  let uninstall: () => void;
  beforeAll(async () => {
    product = await Product.open();
    uninstall = browser.install();
  }, 20_000);
  afterAll(async () => {
    uninstall();
    await product.close();
  });

  /** A new tab of somebody, with tokens that no other tab has. */
  const open = (sub: string, claims: Record<string, unknown> = {}) =>
    rig.watch(
      { url: product.url, token: () => product.token({ sub, jti: crypto.randomUUID(), ...claims }), tabs: true },
      { timing: { tabPingMs: 20, tabHiddenPingMs: 20, stableMs: 0 } },
    );

  test("SDK-83: share one connection, which goes on with the next token, and so does the tab that takes over later", async () => {
    const person = await product.person({ name: "Zoë" });
    const room = await product.stage.room([person]);
    const leader = open(person.externalId, { name: "Zoë" });
    await leader.live("websocket");
    product.clock.advance(1000);
    const other = open(person.externalId, { name: "Zoë" });
    await other.live("tab");
    product.clock.advance(3_600_000 - 60_000);
    const signedIn = () => leader.pushes.filter(({ type }) => type === Push.LOGIN_SUCCESS).length;
    await leader.until(() => signedIn() === 2, "the second LOGIN_SUCCESS");
    product.clock.advance(120_000);
    await say(product.stage.ann, room, "after the end of both first tokens");
    for (const tab of [leader, other]) await tab.said(room, "after the end of both first tokens");
    expect([leader.client.state, other.client.state]).toEqual([
      { kind: "live", transport: "websocket" },
      { kind: "live", transport: "tab" },
    ]);
    leader.client.stop();
    await other.live("websocket");
    await say(product.stage.ann, room, "by the other tab");
    await other.said(room, "by the other tab");
    expect(other.texts(room)).toEqual(["after the end of both first tokens", "by the other tab"]);
  }, 30_000);

  test("SDK-83: of different people share none", async () => {
    const [one, two] = [await product.person(), await product.person()];
    const [first, second] = [open(one.externalId), open(two.externalId)];
    await Promise.all([first.live("websocket"), second.live("websocket")]);
  });
});
