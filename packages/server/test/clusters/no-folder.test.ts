import { describe, expect, test } from "bun:test";
import { TestCluster } from "../cluster-rig.ts";
import { hasPostgres } from "../postgres-server.ts";

describe.skipIf(!hasPostgres)("a data folder that cannot be used", () => {
  test("NODE-14: the server starts nevertheless, and one line says what is wrong with it; a usable one is no news", async () => {
    await using nodes = await TestCluster.start(1);
    const other = await nodes.add({ DATA_DIR: "/proc/parley" });
    expect((await fetch(`${other.url}/readyz`)).status).toBe(200);
    const warned = (log: readonly string[]) => log.filter((line) => line.includes("DATA_DIR cannot be used"));
    expect(warned(nodes.at(0).log)).toEqual([]);
    const [line = "", ...more] = warned(other.log);
    expect(more).toEqual([]);
    expect(JSON.parse(line)).toMatchObject({
      level: "warn",
      problem: 'DATA_DIR is "/proc/parley", wanted a folder that can be made (ENOENT)',
    });
  }, 30_000);
});
