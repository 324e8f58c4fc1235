import type { Config } from "../config/config.ts";
import { existingDatabase, openReader, openWrites, prepareDatabaseForCommand } from "../db/open.ts";
import * as admin from "../identity/admin-actions.ts";
import { Passwords } from "../identity/passwords.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { procedures } from "../writes.ts";
import type { UserAccounts } from "./user.ts";

/**
 * Accounts as `parley user` changes them: in this process, next to a server that may be running.
 * @throws DatabaseMissing, DataDirUnusable, MigrationRefused
 */
export async function openUserAccounts(
  config: Pick<Config, "data">,
  clock: Clock = systemClock,
): Promise<UserAccounts> {
  await existingDatabase(config.data);
  const place = await prepareDatabaseForCommand(config.data, clock.now());
  const db = openReader(place);
  const writes = openWrites(place, { table: procedures, clock });
  const context = { db, writes, passwords: new Passwords() };
  return {
    add: (user) => admin.addAccount(context, user),
    set: (name, change) => admin.setAccount(context, { name, ...change }),
    disable: (name) => admin.disableAccount(context, name),
    enable: (name) => admin.enableAccount(context, name),
    remove: (name) => admin.removeAccount(context, name),
    list: () => admin.listAccounts(context),
    logins: (name) => admin.listLoginsOf(context, name),
    async close() {
      await writes.close();
      await db.destroy();
    },
  };
}
