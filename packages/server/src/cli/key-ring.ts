import type { Config } from "../config/config.ts";
import { existingDatabase, openReader, openWrites, prepareDatabaseForCommand } from "../db/open.ts";
import * as actions from "../keys/key-actions.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { procedures } from "../writes.ts";
import type { KeyRing } from "./key.ts";

/**
 * Server keys as `parley key` changes them: in this process, next to a server that may be running.
 * @throws DatabaseMissing, DataDirUnusable, MigrationRefused
 */
export async function openKeyRing(config: Pick<Config, "data">, clock: Clock = systemClock): Promise<KeyRing> {
  await existingDatabase(config.data);
  const place = await prepareDatabaseForCommand(config.data, clock.now());
  const db = openReader(place);
  const writes = openWrites(place, { table: procedures, clock });
  const context = { db, writes };
  return {
    add: (key) => actions.addKey(context, key),
    revoke: (name) => actions.revokeKey(context, name),
    list: () => actions.listKeys(context),
    async close() {
      await writes.close();
      await db.destroy();
    },
  };
}
