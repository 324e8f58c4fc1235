import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { withDeadline } from "../src/lib/interval.ts";
import { folderPrefix } from "./left-folders.ts";

const MODULE = new URL("./left-folders.ts", import.meta.url).pathname;

test("folders of a process that was killed are removed, those of others are not", async () => {
  const parent = mkdtempSync(join(tmpdir(), "parley-test-"));
  const source = `
    import { mkdirSync, mkdtempSync } from "node:fs";
    import { join } from "node:path";
    import { folderPrefix } from ${JSON.stringify(MODULE)};
    mkdirSync(join(mkdtempSync(folderPrefix(${JSON.stringify(parent)}, "of")), "data"));
    console.log("made");
    setInterval(() => {}, 1000);
  `;
  const other = Bun.spawn([process.execPath, "-e", source], { stdout: "pipe", stderr: "inherit" });
  await withDeadline(other.stdout.getReader().read(), 20_000, "the other process said nothing");
  const named = mkdtempSync(join(parent, "of-"));
  const mine = mkdtempSync(folderPrefix(parent, "of"));
  expect(readdirSync(parent)).toHaveLength(3);

  other.kill("SIGKILL");
  await other.exited;
  folderPrefix(parent, "of");
  expect(readdirSync(parent).sort()).toEqual([basename(named), basename(mine)].sort());
  rmSync(parent, { recursive: true });
}, 30_000);
