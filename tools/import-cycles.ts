import { importsOf, type Source } from "./sources.ts";

/**
 * Files that import each other in a circle, each circle named once. Imports of types count: the program would start all the
 * same, but such files can be understood only together, and the shared type belongs in a file below both.
 */
export function cyclesCheck(sources: readonly Source[]): string[] {
  const targets = new Map(
    sources.map((file) => [file.path, importsOf(file).flatMap(({ target }) => target ?? [])] as const),
  );
  const cycles: string[] = [];
  const done = new Set<string>();
  const trail: string[] = [];

  const visit = (path: string): void => {
    const at = trail.indexOf(path);
    if (at !== -1) {
      cycles.push([...trail.slice(at), path].join(" → "));
      return;
    }
    if (done.has(path)) return;
    trail.push(path);
    for (const target of targets.get(path) ?? []) visit(target);
    trail.pop();
    done.add(path);
  };

  for (const path of targets.keys()) visit(path);
  return cycles;
}
