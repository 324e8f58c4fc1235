import { join } from "node:path";
import { ROOT, type Source } from "./sources.ts";

const SPEC = "packages/protocol/SPEC.md";
const REPORTS = "docs/reports.md";

/** A rule's id, such as C3 or CUR-12: capitals and a number. */
const ID = "[A-Z]{1,8}-?\\d+(?:\\.\\d+)*";

/**
 * Every rule of the protocol has an id of its own and is named by a test. A rule starts a line, as `**C3** …`, `- **C3** …` or `### C3 …`; a test names
 * it at the beginning of its title: `test("C3: …")`, `describe("C3, C4: …")`.
 */
export async function specRulesCheck(sources: readonly Source[]): Promise<string[]> {
  const file = Bun.file(join(ROOT, SPEC));
  if (!(await file.exists())) return [];
  const named = namedInTests(sources);
  const rules = rulesOf(await file.text());
  return [
    ...new Set(rules.filter((id, index) => rules.indexOf(id) !== index).map((id) => `two rules are ${id}`)),
    ...rules.filter((id) => !named.has(id)).map((id) => `no test begins with ${id}`),
    ...unknownRules(await Bun.file(join(ROOT, REPORTS)).text(), rules),
  ];
}

/** The page names rules in the second column of its tables. */
export function unknownRules(reports: string, rules: readonly string[]): string[] {
  const cells = [...reports.matchAll(/^\|[^|]*\|([^|]*)\|[^|]*\|$/gm)].map(([, cell = ""]) => cell);
  const named = cells.flatMap((cell) => cell.match(new RegExp(ID, "g")) ?? []);
  return named.filter((id) => !rules.includes(id)).map((id) => `${REPORTS} names ${id}, which is not a rule`);
}

/** In the order of the document; an id that two rules have stands there twice. */
export function rulesOf(spec: string): string[] {
  const rule = new RegExp(
    `^(?:[-*] |\\d+\\. |#{2,6} |\\| *)?(?:\\*\\*(${ID})[.:]?\\*\\*|(?<=^#{2,6} )(${ID})\\b)`,
    "gm",
  );
  return [...spec.matchAll(rule)].flatMap((match) => match[1] ?? match[2] ?? []);
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
