import type { DatabasePlace } from "../src/db/open.ts";
import { withRaw } from "./test-database.ts";

const FULL = {
  sqlite: (what: string) => [
    `create trigger no_space before ${what} begin select raise(abort, 'database or disk is full'); end`,
  ],
  postgres: (what: string) => [
    `create or replace function no_space() returns trigger language plpgsql as
       $$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$`,
    `create trigger no_space before ${what} for each row execute function no_space()`,
  ],
};

/** From now on such writes fail as on a disk without space. @returns what makes space */
export async function takeSpace(
  place: DatabasePlace,
  what: "insert on messages" | "delete on logins" | "update on meta",
): Promise<() => Promise<void>> {
  const [, table] = what.split(" on ");
  const isFile = "file" in place;
  await withRaw(place, async ({ rows }) => {
    for (const text of FULL[isFile ? "sqlite" : "postgres"](what)) await rows(text);
  });
  return () =>
    withRaw(place, async ({ rows }) => void (await rows(`drop trigger no_space${isFile ? "" : ` on ${table}`}`)));
}
