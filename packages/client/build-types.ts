import { join, relative } from "node:path";
import { Glob } from "bun";

const ROOT = join(import.meta.dir, "../..");

/**
 * Writes the declarations of the client and of those parts of the protocol that it takes types from, which need no library, so
 * that nobody has to install the protocol for its types.
 * @throws Error with the compiler's words, or when a declaration would need a package
 */
export async function writeTypes(folder: string): Promise<void> {
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const config = join(import.meta.dir, "tsconfig.types.json");
  const { exitCode, stdout } = Bun.spawnSync([process.execPath, compiler, "-p", config, "--outDir", folder]);
  if (exitCode !== 0) throw new Error(`the types do not compile:\n${stdout}`);
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
    const [, needed] = /(?:from |import\()"([^."][^"]*)"/.exec(alone) ?? [];
    if (needed) throw new Error(`${name} needs ${needed}`);
    await Bun.write(path, alone);
  }
}
