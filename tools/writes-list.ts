import { importsOf, type Source, withoutComments } from "./sources.ts";

const SERVER = "packages/server/src/";
const LIST = `${SERVER}writes.ts`;
/** Where the two functions are declared. */
const DECLARED = `${SERVER}db/transaction.ts`;

/**
 * Every module that declares write procedures is imported by the list that the writer thread loads; one that is missing
 * would work in tests that write in their own thread, and fail in the server.
 */
export function writesListCheck(sources: readonly Source[]): string[] {
  const list = sources.find(({ path }) => path === LIST);
  if (!list) return [`${LIST} is not there`];
  const listed = new Set(importsOf(list).flatMap(({ target }) => target ?? []));
  return sources
    .filter(({ path, isTest }) => !isTest && path.startsWith(SERVER) && path !== DECLARED && !listed.has(path))
    .filter(({ text }) => /\bdefine(?:Batch)?Write\s*[<(]/.test(withoutComments(text)))
    .map(({ path }) => `${path} declares a write procedure and is not imported by ${LIST}`);
}
