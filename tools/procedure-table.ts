import { type Source, withoutComments } from "./sources.ts";

const SERVER = "packages/server/src/";
const TABLE = `${SERVER}writes.ts`;

/** `writes.run(addMembers, …)`, `context.writes.run(procedures.addMembers, …)` and the same of `runWhenIdle`. */
const RUN = /\bwrites\s*\.\s*run(?:WhenIdle)?\(\s*(?:\w+\.)?(\w+)\s*,/g;
const ENTRY = /^\s*(\w+): (?:single|batch)\(\s*(\w+)[,)]/gm;

/**
 * Every write procedure that is run is in the table that both threads import, under its own name. One that is missing
 * would compile, and fail at its first use.
 */
export function procedureTableCheck(sources: readonly Source[]): string[] {
  const table = sources.find(({ path }) => path === TABLE);
  if (!table) return [`${TABLE} is not there`];
  const entries = [...withoutComments(table.text).matchAll(ENTRY)];
  const misnamed = entries.flatMap(([, name, procedure]) =>
    name === procedure ? [] : [`${TABLE} names ${procedure} differently: ${name}`],
  );
  const known = new Set(entries.map(([, name]) => name));
  const missing = sources
    .filter(({ path, isTest }) => !isTest && path.startsWith(SERVER))
    .flatMap(({ path, text }) =>
      [...withoutComments(text).matchAll(RUN)]
        .filter(([, name]) => !known.has(name))
        .map(([, name]) => `${path} runs ${name}, which is not in ${TABLE}`),
    );
  return [...misnamed, ...missing];
}
