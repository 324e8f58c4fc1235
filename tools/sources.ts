import { dirname, join, normalize } from "node:path";

export const ROOT = join(import.meta.dir, "..");

/** One file of ours. */
export interface Source {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** A test or what only tests use. */
  readonly isTest: boolean;
}

/** Bun's glob takes no slash inside of braces: it finds nothing then. */
const FILES = "{packages,tools,bench,faults,fuzz,rolling,examples}/**/*.{ts,tsx,js,mjs,css}";

export async function readSources(root = ROOT): Promise<Source[]> {
  const paths = new Set<string>();
  for await (const path of new Bun.Glob(FILES).scan({ cwd: root })) {
    if (!/(^|\/)(node_modules|dist|data)\//.test(path)) paths.add(path);
  }
  return Promise.all([...paths].sort().map(async (path) => source(path, await Bun.file(join(root, path)).text())));
}

export function source(path: string, text: string): Source {
  return { path, text, isTest: /\.(test|fixture|contract)\.tsx?$|^packages\/[^/]+\/test\//.test(path) };
}

export interface Import {
  /** As written: a package's name, or a path that starts with a dot. */
  readonly specifier: string;
  /** The file meant by a relative one, from the root; undefined for packages. */
  readonly target: string | undefined;
}

const FROM = /^\s*(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"']+)["']/gm;
const BARE = /^\s*import\s*["']([^"']+)["']/gm;
const DYNAMIC = /\bimport\(\s*["']([^"']+)["']\s*[,)]/g;

/** Every import, those of types included, wherever in the file it stands. */
export function importsOf({ path, text }: Source): Import[] {
  const code = withoutComments(text);
  return [FROM, BARE, DYNAMIC].flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => resolve(path, match[1] ?? "")),
  );
}

function resolve(path: string, specifier: string): Import {
  const target = specifier.startsWith(".") ? normalize(join(dirname(path), specifier)) : undefined;
  return { specifier, target };
}

/** Comments become spaces, so that line numbers stay. Good enough for code that Biome has formatted. */
export function withoutComments(text: string): string {
  const blank = (comment: string) => comment.replace(/[^\n]/g, " ");
  return text.replace(/(?<=^|\s)\/\*[\s\S]*?\*\//g, blank).replace(/(?<=^|[\s;{}(),])\/\/.*$/gm, blank);
}
