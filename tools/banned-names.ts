import { type Source, withoutComments } from "./sources.ts";

const SERVER = "packages/server/src/";

/** One file reads the environment; the rest gets a typed configuration. */
export function environmentCheck(sources: readonly Source[]): string[] {
  return find(sources, {
    names: /\b(process\.env|Bun\.env|import\.meta\.env)\b/,
    allowed: (path) => path === `${SERVER}config/env.ts`,
  });
}

/** Time, timers and randomness are passed in, so that tests control them. */
export function clockCheck(sources: readonly Source[]): string[] {
  return find(sources, {
    names: /\b(Date\.now|Math\.random|setTimeout|setInterval|randomUUID)\b|\bnew Date\(\)/,
    allowed: (path) => path.startsWith(`${SERVER}lib/`),
  });
}

/** What happens to a row whose key is taken is said to `insertRows`, and `db/` has the one text for it that is right on both databases. */
export function conflictCheck(sources: readonly Source[]): string[] {
  return find(sources, {
    names: /\bonConflict\b|\bon conflict\b/i,
    allowed: (path) => path.startsWith(`${SERVER}db/`),
  });
}

function find(
  sources: readonly Source[],
  { names, allowed }: { names: RegExp; allowed(path: string): boolean },
): string[] {
  return sources
    .filter(({ path, isTest }) => !isTest && path.startsWith(SERVER) && !allowed(path))
    .flatMap(({ path, text }) =>
      withoutComments(text)
        .split("\n")
        .flatMap((line, index) => {
          const name = names.exec(line)?.[0];
          return name === undefined ? [] : [`${path}:${index + 1} uses ${name}`];
        }),
    );
}
