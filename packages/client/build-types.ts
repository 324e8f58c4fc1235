import { join, relative } from "node:path";
import { Glob } from "bun";

const ROOT = join(import.meta.dir, "../..");

/** What a declaration imports. */
const NAMED = /(?:from |import\()"([^"]+)"/g;

/**
 * Writes the declarations of the client and of those parts of the protocol that it takes types from, which need no library, so
 * that nobody has to install the protocol for its types.
 * @throws Error with the compiler's words, or when a declaration would need a package or a file that is not there
 */
export async function writeTypes(folder: string): Promise<void> {
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const config = join(import.meta.dir, "tsconfig.types.json");
  const { exitCode, stdout } = Bun.spawnSync([process.execPath, compiler, "-p", config, "--outDir", folder]);
  if (exitCode !== 0) throw new Error(`the types do not compile:\n${stdout}`);
  const written = new Map<string, string>();
  for await (const name of new Glob("**/*.d.ts").scan(folder)) {
    const path = join(folder, name);
    const text = await Bun.file(path).text();
    const alone = text
      .replace(
        /"@parley\/protocol\/([a-z-]+)"/g,
        (_, part) => `"${relative(join(path, ".."), join(folder, "protocol/src", part))}.js"`,
      )
      // The form that every resolution of modules understands.
      .replace(/(from |import\()"(\.[^"]+)\.ts"/g, '$1"$2.js"');
    await Bun.write(path, alone);
    written.set(path, alone);
  }
  const missing = missingIn(written);
  if (missing.length > 0) throw new Error(`the types are not whole:\n${missing.join("\n")}`);
}

/** One line for each import of something that is not among the written files, by their paths. */
export function missingIn(written: ReadonlyMap<string, string>): string[] {
  const isThere = (from: string, named: string) =>
    named.startsWith(".") && written.has(join(from, "..", named.replace(/\.js$/, ".d.ts")));
  return [...written].flatMap(([path, text]) =>
    [...text.matchAll(NAMED)].flatMap(([, named = ""]) => (isThere(path, named) ? [] : [`${path} needs ${named}`])),
  );
}
