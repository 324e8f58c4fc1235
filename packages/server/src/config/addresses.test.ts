import { expect, test } from "bun:test";
import { type Parsed, postgresUrl, redisUrl } from "./parse.ts";

/** Addresses of PostgreSQL and Redis that people get wrong, and what they are told: `DATABASE_URL is set (hidden), wanted …`. */
const POSTGRES = "an address such as postgres://user:password@host:5432/database";
const REDIS = "an address such as redis://:password@host:6379, or rediss://… with TLS";
const ESCAPES = "; write / ? # @ % of the password as %2F %3F %23 %40 %25";

const wanted = (wanted: string): Parsed<string> => ({ ok: false, wanted });

// Some end what stands before the host; behind a numeral, the rest would be taken for the database. Others cannot be unescaped.
test.each(["p/w", "1/w", "p#w", "1#w", "p?w", "1?w", "%ffw"])("a password of PostgreSQL such as %s", (password) => {
  for (const scheme of ["postgres", "postgresql", "POSTGRES"])
    expect(postgresUrl(`${scheme}://u:${password}@db/parley`)).toEqual(wanted(POSTGRES + ESCAPES));
});

test.each(["db", "db/", "u:pw@db:5432", "db?sslmode=require", "?host=/run/postgresql"])(
  "an address of PostgreSQL without a database: %s",
  (rest) => {
    expect(postgresUrl(`postgres://${rest}`)).toEqual(wanted(`${POSTGRES}; the name of the database is missing`));
  },
);

test.each([
  "postgres://u:p%2Fw@db/parley",
  "postgres://u:p%40@w@db/parley",
  // The driver takes it as it is.
  "postgres://u:100%@db/parley",
  "postgres:///parley?host=/run/postgresql",
  "postgres://u@db/a@b",
  "POSTGRESQL://u@db/parley",
])("%s is an address of PostgreSQL", (url) => {
  expect(postgresUrl(url)).toEqual({ ok: true, value: url });
});

test.each([":p/w@cache", ":1/w@cache", ":p#w@cache", ":p?w@cache", ":50%@cache", ":%ff@cache", "u/1@cache"])(
  "an address of Redis such as %s",
  (rest) => {
    expect(redisUrl(`redis://${rest}`)).toEqual(wanted(REDIS + ESCAPES));
  },
);

test.each(["db", "mysql://u:p/w@db/parley", "//u:p/w@db/parley"])("%s is no address of either", (text) => {
  expect([postgresUrl(text), redisUrl(text)]).toEqual([wanted(POSTGRES), wanted(REDIS)]);
});
