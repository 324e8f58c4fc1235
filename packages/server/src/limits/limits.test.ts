import { expect, test } from "bun:test";
import { ERRORS } from "@parley/protocol";
import { loadConfig } from "../config/config.ts";
import { ENV_NAMES } from "../config/env.ts";
import { openFileLimit } from "../lib/file-limit.ts";
import { CAPS } from "./caps.ts";
import { LOCAL_RATES, SHARED_RATES } from "./limits.ts";
import type { BoundRow, RateRow } from "./row.ts";
import { SIZES } from "./sizes.ts";

const rates: [string, RateRow][] = Object.entries({ ...LOCAL_RATES, ...SHARED_RATES });
const bounds: [string, BoundRow][] = Object.entries({ ...CAPS, ...SIZES });

test.each(rates)("the rate %s can be counted, and a refusal says when to come back", (_, row) => {
  expect(row.count).toBeGreaterThan(0);
  expect(row.burst ?? row.count).toBeGreaterThanOrEqual(1);
  expect(row.windowMs).toBeGreaterThanOrEqual(1000);
  if (!("code" in row.refusal)) return;
  // These limit the people who are brought in, not the requester, so the requester cannot simply come back later.
  if (row.refusal.code === "too_many_rooms") return;
  expect(ERRORS[row.refusal.code]).toMatchObject({ status: 429, retry: true });
});

const settings = [...bounds, ...rates].flatMap(([id, { setting, count }]) =>
  setting ? [[id, setting, count] as const] : [],
);

test.each(settings)("the bound %s is the default of its setting %s", (id, setting, count) => {
  expect<string[]>(ENV_NAMES).toContain(setting);
  const shown = loadConfig({}).entries.find(({ name }) => name === setting)?.value;
  expect(shown).toBe(String(id === "connections" ? Math.floor((openFileLimit() * count) / 100) : count));
});
