import { afterAll, expect, test } from "bun:test";
import { chromium } from "playwright-core";
import { AppFixture } from "./app-fixture.ts";
import { needs } from "./needs.ts";

const executablePath = needs("chromium");
const app = new AppFixture();
afterAll(() => app.stop());

test.skipIf(!executablePath)(
  "/docs shows the routes in a browser, without a request to any other host or a breach of its own policy",
  async () => {
    const browser = await chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox"] });
    try {
      const page = await browser.newPage();
      const complaints: string[] = [];
      const hosts = new Set<string>();
      page.on("console", (message) => {
        if (message.type() === "error") complaints.push(message.text());
      });
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("request", (request) => {
        if (!request.url().startsWith("data:")) hosts.add(new URL(request.url()).origin);
      });
      await page.goto(`${app.origin}/docs`);
      await page.getByText("/api/v1/notes/{id}/scan").click({ timeout: 15_000 });
      await page.getByRole("button", { name: "Try it out" }).click();
      await page.getByPlaceholder("id").fill("5");
      await page.getByRole("button", { name: "Execute" }).click();
      await page.getByText("Server response").waitFor();
      expect(complaints).toEqual([]);
      expect([...hosts]).toEqual([app.origin]);
    } finally {
      await browser.close();
    }
  },
  30_000,
);
