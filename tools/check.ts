/**
 * `npm run check`: everything about the source that is not a test, one line each. A check returns what is wrong, a line per
 * problem; none means it passed. Ends with the count and exits with 1 when something failed. Nothing is changed on disk.
 */
import { clockCheck, conflictCheck, environmentCheck } from "./banned-names.ts";
import { documentPathsCheck } from "./document-paths.ts";
import { fileSizeCheck, longFiles } from "./file-size.ts";
import { folderCommentsCheck } from "./folder-comments.ts";
import { cyclesCheck } from "./import-cycles.ts";
import { directionCheck } from "./import-direction.ts";
import { limitsDocCheck } from "./limits-doc.ts";
import { plainEnglishCheck } from "./plain-english.ts";
import { procedureTableCheck } from "./procedure-table.ts";
import { routeWritesCheck } from "./route-writes.ts";
import { readSources } from "./sources.ts";
import { specRulesCheck } from "./spec-rules.ts";
import { toolCheck } from "./tool-check.ts";

const sources = await readSources();

const checks: readonly [name: string, run: () => string[] | Promise<string[]>][] = [
  ["format and lint (biome)", () => toolCheck(["node_modules/.bin/biome", "ci", "--colors=off", "."])],
  ["types (tsc)", () => toolCheck(["node_modules/.bin/tsc", "--noEmit", "-p", "."])],
  ["direction of imports", () => directionCheck(sources)],
  ["no import cycles", () => cyclesCheck(sources)],
  ["file sizes", () => fileSizeCheck(sources)],
  ["process.env in config/env.ts only", () => environmentCheck(sources)],
  ["clock and randomness in lib/ only", () => clockCheck(sources)],
  ["`on conflict` in db/ only", () => conflictCheck(sources)],
  ["write procedures are in writes.ts", () => procedureTableCheck(sources)],
  ["routes do not write", () => routeWritesCheck(sources)],
  ["folders say what they are for", () => folderCommentsCheck(sources)],
  ["paths in architecture.md, features.md and reports.md", () => documentPathsCheck()],
  ["docs/limits.md is what the table says", () => limitsDocCheck()],
  ["plain English", () => plainEnglishCheck(sources)],
  ["rules of SPEC.md have tests", () => specRulesCheck(sources)],
];

let failed = 0;
for (const [name, run] of checks) {
  const problems = await run();
  console.log(`${problems.length === 0 ? "ok  " : "FAIL"}  ${name}`);
  for (const problem of problems) console.log(`        ${problem}`);
  if (problems.length > 0) failed += 1;
}
for (const note of longFiles(sources)) console.log(`note  ${note}`);
console.log(`checks: ${checks.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
