import { expect, test } from "bun:test";
import { openFileLimit, softFileLimit } from "./file-limit.ts";

const limits = (files: string) => `Limit                     Soft Limit           Hard Limit           Units
Max processes             63304                63304                processes
${files}
Max locked memory         8388608              8388608              bytes
`;

test.each([
  ["Max open files            4096                 524288               files", 4096],
  ["Max open files            1                    524288               files", 1],
  ["Max open files            unlimited            unlimited            files", 1_000_000],
  ["Max open files            0                    524288               files", 1024],
  ["Max open files            some                 524288               files", 1024],
  ["", 1024],
])("of %p the soft limit is %p", (line, expected) => expect(softFileLimit(limits(line))).toBe(expected));

test.skipIf(process.platform !== "linux")("this process's own limit is the one that its shell would be told", () => {
  const { stdout } = Bun.spawnSync(["sh", "-c", 'cat "/proc/$PPID/limits"']);
  const said = /^Max open files\s+(\d+)/m.exec(stdout.toString())?.[1];
  expect(openFileLimit()).toBe(Number(said));
});
