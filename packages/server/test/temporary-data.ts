import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dataEnv, dropDatabase, newDatabase } from "./test-database.ts";

/** A new database with a temporary folder: the settings that lead there, and its end. */
export async function temporaryData(): Promise<{ env: Record<string, string>; remove: () => Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), "parley-test-"));
  const data = await newDatabase(join(dir, "data"));
  const remove = async () => {
    await dropDatabase(data);
    rmSync(dir, { recursive: true, force: true });
  };
  return { env: dataEnv(data), remove };
}
