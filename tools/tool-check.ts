import { ROOT } from "./sources.ts";

/** Runs a tool; if it fails, its output is the problem. */
export async function toolCheck(command: string[]): Promise<string[]> {
  const child = Bun.spawn(command, { cwd: ROOT, stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code === 0) return [];
  const lines = `${out}\n${err}`.split("\n").filter((line) => line.trim() !== "");
  return lines.length > 0 ? lines : [`${command[0]} exited with ${code}`];
}
