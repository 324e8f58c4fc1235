import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { needs } from "./needs.ts";
import { PageBrowser, SLOW_MS } from "./page-browser.ts";
import { openDoor } from "./server-door.ts";

const executablePath = needs("chromium");

describe.skipIf(!executablePath)("rooms that the product manages, on the page, in a browser", () => {
  let browser: PageBrowser;

  beforeAll(async () => {
    browser = await PageBrowser.start(executablePath ?? "");
  }, SLOW_MS);
  afterAll(() => browser?.close(), SLOW_MS);

  test(
    "SRV-31: the page offers to leave one, and nothing that is refused there",
    async () => {
      const { server } = browser;
      const [ann, ben] = [await server.person("Ann"), await server.person("Ben")];
      const door = await openDoor(server, "product");
      await door.ok("PUT", "/rooms/order-7", { name: "Order 7" });
      await door.ok("POST", "/rooms/order-7/members", { add: [ann.uid, ben.uid] });
      await server.room(ann, [ben], "Ours");
      const page = await browser.signedIn(ann);
      const buttons = async (name: string) => {
        await page.locator(".room-row", { hasText: name }).click();
        await page.locator("h1", { hasText: name }).waitFor();
        await page.getByRole("button", { name: "About", exact: true }).click();
        await page.getByRole("heading", { name: "2 members" }).waitFor();
        const found = await page.locator("dialog .column button, dialog .column input").allInnerTexts();
        await page.getByRole("button", { name: "Close" }).click();
        return found.filter((text) => text !== "");
      };
      expect(await buttons("Ours")).toEqual(["Add to this group", "Dissolve this group"]);
      expect(await buttons("Order 7")).toEqual(["Leave this group"]);
      await page.getByRole("button", { name: "About", exact: true }).click();
      await page.getByText("The members of this group are chosen elsewhere.").waitFor();
      await page.getByRole("button", { name: "Leave this group" }).click();
      await page.getByText("You are no longer in this group.").waitFor();
      browser.expectQuiet();
    },
    SLOW_MS,
  );
});
