import { expect, test } from "bun:test";
import { createLogger } from "../ops/logger.ts";
import { OriginWarnings } from "./origin-warnings.ts";

function scene(allowedOrigins: readonly string[] = []) {
  const lines: { msg: string; origin: string }[] = [];
  const logger = createLogger({ level: "warn", sink: { write: (line) => void lines.push(JSON.parse(line)) } });
  return { warnings: new OriginWarnings({ logger, allowedOrigins }), lines };
}

test("HTTP-53: an origin is named once, with the setting as it would have to be", () => {
  const { warnings, lines } = scene(["https://a.example"]);
  for (let n = 0; n < 3; n++) warnings.note("capacitor://localhost");
  warnings.note("https://b.example");
  expect(lines.map(({ msg }) => msg)).toEqual([
    "pages of capacitor://localhost are refused; if they are yours, set ALLOWED_ORIGINS=https://a.example,capacitor://localhost",
    "pages of https://b.example are refused; if they are yours, set ALLOWED_ORIGINS=https://a.example,https://b.example",
  ]);
});

test.each(["null", "", "file://", "evil", "https://*.example"])("HTTP-53: no setting is named for %p", (origin) => {
  const { warnings, lines } = scene();
  warnings.note(origin);
  expect(lines.map(({ msg }) => msg)).toEqual(["a page without an origin of its own is refused; no setting allows it"]);
});

test("HTTP-53: a hundred origins are named and no more, however long they are", () => {
  const { warnings, lines } = scene();
  for (let n = 0; n < 300; n++) warnings.note(`https://${n}.example/${"x".repeat(5000)}`);
  expect(lines).toHaveLength(100);
  for (const { origin, msg } of lines) expect([origin.length, msg.length < 500]).toEqual([200, true]);
});
