import { type Source, withoutComments } from "./sources.ts";

/** The writer by its name, other than in a file's name, or its second method, which nothing else has. */
const WRITER = /\b[wW]rites\b(?!\.ts)|\brunWhenIdle\b/;

/**
 * No route file knows the writer. A route parses, calls an action and answers; rules, limits and the write are the action's,
 * since other transports call it too.
 */
export function routeWritesCheck(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path, isTest }) => !isTest && /-routes?\.ts$/.test(path))
    .filter(({ text }) => WRITER.test(withoutComments(text)))
    .map(({ path }) => `${path} names the writer: call an action instead`);
}
