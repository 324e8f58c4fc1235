import { join } from "node:path";
import { ROOT, type Source } from "./sources.ts";

const SPEC = "packages/protocol/SPEC.md";

/** A rule's id, such as C3 or CUR-12: capitals and a number. */
const ID = "[A-Z]{1,8}-?\\d+(?:\\.\\d+)*";

/**
 * Every rule of the protocol is named by a test. A rule starts a line, as `**C3** …`, `- **C3** …` or `### C3 …`; a test names
 * it at the beginning of its title: `test("C3: …")`, `describe("C3, C4: …")`.
 */
export async function specRulesCheck(sources: readonly Source[]): Promise<string[]> {
  const file = Bun.file(join(ROOT, SPEC));
  if (!(await file.exists())) return [];
  const named = namedInTests(sources);
  return rulesOf(await file.text())
    .filter((id) => !named.has(id))
    .map((id) => `no test begins with ${id}`);
}

export function rulesOf(spec: string): string[] {
  const rule = new RegExp(
    `^(?:[-*] |\\d+\\. |#{2,6} |\\| *)?(?:\\*\\*(${ID})[.:]?\\*\\*|(?<=^#{2,6} )(${ID})\\b)`,
    "gm",
  );
  return [...new Set([...spec.matchAll(rule)].flatMap((match) => match[1] ?? match[2] ?? []))];
}

export function namedInTests(sources: readonly Source[]): Set<string> {
  const title = new RegExp(`\\(\\s*["'\`]((?:${ID}(?:[,: ]+|(?=["'\`])))+)`, "g");
  const ids = new RegExp(ID, "g");
  return new Set(
    sources
      .filter((source) => source.isTest)
      .flatMap(({ text }) => [...text.matchAll(title)])
      .flatMap((match) => match[1]?.match(ids) ?? []),
  );
}
