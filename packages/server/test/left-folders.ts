import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/**
 * What the names of this process's temporary folders begin with, for `mkdtemp`. A run that is ended by a signal removes none of its folders, so this
 * first removes those of the same name whose process is gone. A process that has got the number of an earlier one keeps those of that one.
 */
export function folderPrefix(parent: string, name: string): string {
  for (const folder of readdirSync(parent)) {
    const [, pid] = new RegExp(`^${name}-(\\d+)-\\w+$`).exec(folder) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`))
      rmSync(join(parent, folder), { recursive: true, force: true });
  }
  return join(parent, `${name}-${process.pid}-`);
}
