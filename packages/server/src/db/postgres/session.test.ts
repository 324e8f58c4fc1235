import { expect, test } from "bun:test";
import { PostgresUnusable } from "./faults.ts";
import { refuseUnusable } from "./session.ts";

// Only one version is installed where tests run; `test/postgres-start.test.ts` has the rest on a real server.
test.each([14, 13, 9])("PG-1: PostgreSQL %d is too old, whatever else is right or wrong with it", (version) => {
  const sentence = `DATABASE_URL leads to PostgreSQL ${version}. Parley needs version 15 or later.`;
  for (const isStandby of [0, 1] as const)
    for (const encoding of ["UTF8", "LATIN1"])
      expect(() => refuseUnusable({ version, isStandby, encoding })).toThrow(new PostgresUnusable(sentence));
});

test.each([15, 16, 18, 21])("PG-1: PostgreSQL %d is not", (version) => {
  expect(() => refuseUnusable({ version, isStandby: 0, encoding: "UTF8" })).not.toThrow();
});
