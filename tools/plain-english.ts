import { join } from "node:path";
import { ROOT, type Source } from "./sources.ts";

/** This check and its test, which quote what they look for. */
const QUOTING = /^tools\/(plain-english|check\.test)\.ts$/;

const DOCUMENTS = ["*.md", "{docs,packages,examples}/**/*.md"];

const PRONOUN = /\b(?:he|him|his|himself)\b/gi;
/** A sentence that begins with a clause in the place of a noun, as in "Who leaves gets the event"; a question is none. */
const BARE_WHO = /\bWho(?:ever|m)?\b(?![^.:;]*\?)/g;
/** The same at the beginning of a test's title, behind the rules that it names. */
const BARE_WHO_TITLE =
  /(?:\b(?:test|describe)(?:\.\w+(?:\([^)]*\))?)?\(|\btitle:)\s*["'`](?:[A-Z]+-\d+[,: ]+|\$\{[^}]*\}:? )*(?:who(?:ever|m)?)\b/gi;

interface Prose {
  /** From the root. */
  readonly path: string;
  readonly text: string;
}

/** Comments, titles and documents speak of people as "they", and their sentences have a subject. */
export async function plainEnglishCheck(sources: readonly Source[]): Promise<string[]> {
  const documents: Prose[] = [];
  for (const pattern of DOCUMENTS) {
    for await (const path of new Bun.Glob(pattern).scan({ cwd: ROOT })) {
      if (!/(^|\/)node_modules\//.test(path)) documents.push({ path, text: await Bun.file(join(ROOT, path)).text() });
    }
  }
  const isChecked = ({ path }: Prose) => !QUOTING.test(path);
  return [
    ...sources.filter(isChecked).flatMap(problemsOfSource),
    ...documents.filter(isChecked).flatMap(problemsOfDocument),
  ].sort();
}

export function problemsOfDocument({ path, text }: Prose): string[] {
  return [...found(path, text, PRONOUN), ...found(path, text, BARE_WHO)];
}

export function problemsOfSource({ path, text }: Prose): string[] {
  return [
    ...found(path, text, PRONOUN),
    ...found(path, commentsOf(text), BARE_WHO),
    ...found(path, text, BARE_WHO_TITLE),
  ];
}

function found(path: string, text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => {
    const line = text.slice(0, match.index).split("\n").length;
    return `${path}:${line} says "${match[0]}": a full subject and verb, and "they" for people`;
  });
}

/** Everything else becomes spaces, so that line numbers stay; the counterpart of `withoutComments`. */
function commentsOf(text: string): string {
  const comments = text.matchAll(/(?<=^|\s)\/\*[\s\S]*?\*\/|(?<=^|[\s;{}(),])\/\/.*$/gm);
  let prose = "";
  for (const { 0: comment, index } of comments) {
    prose += text.slice(prose.length, index).replace(/[^\n]/g, " ") + comment;
  }
  return prose;
}
