import { join } from "node:path";

/** Compiles a C file of `bench/native/` into a folder. @returns the program's path */
export async function compile(name: string, folder: string): Promise<string> {
  const source = new URL(`./native/${name}.c`, import.meta.url).pathname;
  const program = join(folder, name);
  if (Bun.which("gcc") === null) throw new Error("gcc is needed for the reference: install gcc and libc6-dev");
  const gcc = Bun.spawn(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, source], {
    stdout: "inherit",
    stderr: "inherit",
  });
  if ((await gcc.exited) !== 0) throw new Error(`${name}.c could not be compiled`);
  return program;
}
