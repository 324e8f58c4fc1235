import type { Source } from "./sources.ts";

/** From here on a file is listed: it may hold two concepts. */
const ASK = 300;
/** From here on it must be split. */
const SPLIT = 400;

interface Size {
  readonly path: string;
  readonly lines: number;
}

/** Files that must be split. */
export function fileSizeCheck(sources: readonly Source[]): string[] {
  return sizesOver(SPLIT, sources).map(({ path, lines }) => `${path} has ${lines} lines, over ${SPLIT}`);
}

/** The accompanying report: files that are getting long, longest first. They are not a problem yet. */
export function longFiles(sources: readonly Source[]): string[] {
  return sizesOver(ASK, sources).map(({ path, lines }) => `${path} has ${lines} lines; ${SPLIT} are the limit`);
}

function sizesOver(limit: number, sources: readonly Source[]): Size[] {
  return sources
    .map(({ path, text }) => ({ path, lines: text.trimEnd().split("\n").length }))
    .filter(({ lines }) => lines > limit)
    .sort((a, b) => b.lines - a.lines);
}
