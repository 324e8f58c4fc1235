import { join } from "node:path";
import { ROOT, type Source } from "./sources.ts";

/** This check and its test, which quote what they look for. */
const QUOTING = /^tools\/(plain-english|plain-english\.test|check\.test)\.ts$/;

const DOCUMENTS = ["*.md", "{docs,packages,examples}/**/*.md"];

const PEOPLE = 'a full subject and verb, and "they" for people';
const PRONOUN = /\b(?:he|him|his|himself)\b/gi;
/** A sentence that begins with a clause in the place of a noun, as in "Who leaves gets the event". A question is allowed. */
const BARE_WHO = /\bWho(?:ever|mever|m)?\b(?![^.:;]*\?)/g;
/** The same at the beginning of a test's title, after the rules that it names. */
const BARE_WHO_TITLE =
  /(?:\b(?:test|describe)(?:\.\w+(?:\([^)]*\))?)?\(|\btitle:)\s*["'`](?:[A-Z]+-\d+[,: ]+|\$\{[^}]*\}:? )*(?:who(?:ever|m)?)\b/gi;

/** Phrases that make a native reader stumble, and what to write instead. Each is wrong everywhere. */
const PHRASES: readonly (readonly [RegExp, string])[] = [
  [/\bone's own\b|\boneself\b/gi, '"their own", "themselves"'],
  [
    /\b(?:what|whom|which|as far as) one (?:has|is|had|was|wants|can|may|does|knows|sees)\b/gi,
    'say who: "they", "you"',
  ],
  [/\belsewhere than\b/gi, '"from other machines", "in another place than"'],
  [/\bstays it\b/gi, "repeat the word"],
  [/\bof before\b(?!\s*(?:\)|\?\?))/gi, '"earlier", "previous"'],
  [/(?<!\bwhy )\bnot any more\b/gi, '"no longer"'],
  [/\b(?:is|are) so already\b/gi, '"nothing changes"'],
  [/(?<!\bas \w+ )\bas ever\b/gi, '"as usual"'],
  [/(?<!\bthere )\b(?:is|are|was|were) none\b(?! of\b)/gi, '"is not one"'],
  [
    /\b(?:that|who|which|what|whatever) (?:is|are) no (?!longer\b|more\b|less\b|other\b|such\b|reason\b|fault\b|sign\b|secret\b)/gi,
    '"is not a"',
  ],
];

interface Prose {
  /** From the root. */
  readonly path: string;
  readonly text: string;
}

/** Comments, titles and documents speak of people as "they", their sentences have a subject, and their phrases are English. */
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
  return [...found(path, text, PRONOUN, PEOPLE), ...found(path, text, BARE_WHO, PEOPLE), ...phrasesIn(path, text)];
}

export function problemsOfSource({ path, text }: Prose): string[] {
  return [
    ...found(path, text, PRONOUN, PEOPLE),
    ...found(path, commentsOf(text), BARE_WHO, PEOPLE),
    ...found(path, text, BARE_WHO_TITLE, PEOPLE),
    ...phrasesIn(path, text),
  ];
}

/** A phrase may continue on the next line, after the marker of a comment. Everything else stays where it is, so line numbers do too. */
function phrasesIn(path: string, text: string): string[] {
  const joined = text.replace(/\n[ \t]*(?:\*(?!\/)|\/\/|-->)?[ \t]*/g, (between) => "\n".padEnd(between.length));
  return PHRASES.flatMap(([phrase, instead]) => {
    const acrossLines = new RegExp(phrase.source.replaceAll(" ", "\\s+"), phrase.flags);
    return found(path, joined, acrossLines, instead);
  });
}

function found(path: string, text: string, pattern: RegExp, instead: string): string[] {
  return [...text.matchAll(pattern)].map((match) => {
    const line = text.slice(0, match.index).split("\n").length;
    return `${path}:${line} says "${match[0].replace(/\s+/g, " ").trim()}": ${instead}`;
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
