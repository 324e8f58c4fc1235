import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./sources.ts";

const DOCUMENTS = ["docs/architecture.md", "docs/features.md", "docs/reports.md"];

/** Where a path in a document may start from. */
const STARTS = ["", "packages/", "packages/server/", "packages/server/src/", "docs/"];

/** Paths that these documents name exist; a document that is wrong about the code is worse than none. */
export async function documentPathsCheck(): Promise<string[]> {
  return (await Promise.all(DOCUMENTS.map(missingIn))).flat();
}

async function missingIn(document: string): Promise<string[]> {
  const file = Bun.file(join(ROOT, document));
  if (!(await file.exists())) return [];
  const text = await file.text();
  const named = [...text.matchAll(/`([\w@.-]+(?:\/[\w@.-]+)+\/?)`|\]\((?!https?:|#)([^)#]+)[^)]*\)/g)];
  const paths = new Set(named.flatMap((match) => match[1] ?? match[2] ?? []).filter(looksLikePath));
  return [...paths]
    .filter((path) => !STARTS.some((start) => existsSync(join(ROOT, start, path))))
    .map((path) => `${document} names ${path}, which does not exist`);
}

/** A file with an extension, or a folder written with its slash; `application/json` and the like are neither. */
function looksLikePath(text: string): boolean {
  return /\.(ts|tsx|mjs|js|md|json|css|html|sql)$|\/$|^packages\//.test(text);
}
