import { expect, test } from "bun:test";
import { dayOf } from "./times.ts";

const at = (...parts: [number, number, number, number?, number?]) => new Date(...parts).getTime();
const NOON = at(2026, 4, 20, 12, 0);

test.each([
  ["the same minute", NOON, "Today"],
  ["the first minute of the day", at(2026, 4, 20, 0, 0), "Today"],
  ["the last minute of the day", at(2026, 4, 20, 23, 59), "Today"],
  ["the last minute of the day before", at(2026, 4, 19, 23, 59), "Yesterday"],
  ["the first minute of the day before", at(2026, 4, 19, 0, 0), "Yesterday"],
])("%s", (_, when, says) => expect(dayOf(when, NOON)).toBe(says));

test("other days are dates, with the year where it is another one", () => {
  const says = (...date: [number, number, number]) => dayOf(at(...date, 12), NOON);
  for (const date of [says(2026, 4, 18), says(2026, 4, 21), says(2026, 0, 1)]) {
    expect(date).not.toMatch(/Today|Yesterday|2026/);
  }
  expect(says(2025, 4, 20)).toMatch(/2025/);
  expect(says(2027, 4, 20)).toMatch(/2027/);
});

test("yesterday is the day before over a change of the clock, which makes a day of 23 or 25 hours", () => {
  const code = `const { dayOf } = await import(${JSON.stringify(new URL("./times.ts", import.meta.url).pathname)});
    const days = [["2026-03-28T23:30", "2026-03-29T23:30"], ["2026-03-29T00:10", "2026-03-30T00:05"],
      ["2026-10-24T12:00", "2026-10-25T23:50"], ["2026-10-25T00:10", "2026-10-26T00:05"]];
    console.log(days.map(([at, now]) => dayOf(Date.parse(at), Date.parse(now))).join());`;
  const { stdout } = Bun.spawnSync([process.execPath, "-e", code], { env: { TZ: "Europe/Berlin" } });
  expect(stdout.toString().trim()).toBe("Yesterday,Yesterday,Yesterday,Yesterday");
});
