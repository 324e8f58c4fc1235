import { SYSTEM_UID } from "@parley/protocol";
import type { Config } from "../config/config.ts";
import { existingDatabase, openReader, openWriter, prepareDatabase } from "../db/open.ts";
import { defineWrite } from "../db/transaction.ts";
import { GroupWriter } from "../db/writer.ts";
import { append } from "../event-log/event-log.ts";
import { Internal, internalEvent } from "../event-log/internal-events.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { ProblemError } from "../lib/problem.ts";
import { insertUser } from "./accounts-writes.ts";
import { revokeLogins } from "./logins-writes.ts";
import { nameKey, nameSchema } from "./names.ts";
import { Passwords, passwordSchema } from "./passwords.ts";

/** An account by its operator, also where registration is closed; without a login. @throws ProblemError `name_taken` */
export const addUser = defineWrite(
  "identity.add-user",
  (tx, input: { name: string; passwordHash: string; power: 0 | 1; now: number }) =>
    insertUser(tx, { ...input, ip: "" }),
);

/** Changes what is given; a new password ends all logins. @throws ProblemError `unknown_user` */
export const setUser = defineWrite(
  "identity.set-user",
  async (tx, input: { name: string; passwordHash?: string; power?: 0 | 1; now: number }): Promise<{ uid: number }> => {
    const { passwordHash, power, now } = input;
    const row = await tx.db
      .updateTable("users")
      .set({ updated_at: now })
      .$if(passwordHash !== undefined, (query) => query.set({ password_hash: passwordHash ?? null }))
      .$if(power !== undefined, (query) => query.set({ power: power ?? 0 }))
      .where("name_key", "=", nameKey(input.name))
      .where("uid", "!=", SYSTEM_UID)
      .returning("uid")
      .executeTakeFirst();
    if (!row) throw new ProblemError("unknown_user");
    if (passwordHash !== undefined) await revokeLogins(tx, { uid: row.uid, now });
    await append(tx, now, [internalEvent(Internal.USER_CHANGED, { uid: row.uid })]);
    return row;
  },
);

/**
 * Accounts as the command line changes them: in this process, beside a server that may be running.
 * @throws DatabaseMissing, DataDirUnusable, MigrationRefused
 */
export async function openUserAccounts(config: Pick<Config, "data">, clock: Clock = systemClock) {
  existingDatabase(config.data.dir);
  const path = await prepareDatabase(config.data.dir, clock.now());
  const db = openReader(path);
  // Nobody listens in this process; a running server follows the log.
  const writes = new GroupWriter(openWriter(path), () => {});
  const passwords = new Passwords();
  const hash = (password: string) => passwords.hash(parsed("password", passwordSchema.safeParse(password)));
  return {
    async add({ name, password, power }: { name: string; password: string; power: 0 | 1 }): Promise<{ uid: number }> {
      const checked = parsed("name", nameSchema.safeParse(name));
      return writes.run(addUser, { name: checked, passwordHash: await hash(password), power, now: clock.now() });
    },
    async set(name: string, change: { password?: string; power?: 0 | 1 }): Promise<{ uid: number }> {
      const { password, power } = change;
      const changes = {
        ...(password === undefined ? {} : { passwordHash: await hash(password) }),
        ...(power === undefined ? {} : { power }),
      };
      return writes.run(setUser, { name, ...changes, now: clock.now() });
    },
    list() {
      return db
        .selectFrom("users")
        .select(["uid", "name", "power"])
        .where("deleted_at", "is", null)
        .orderBy("uid")
        .execute();
    },
    async close(): Promise<void> {
      await writes.close();
      await db.destroy();
    },
  };
}

type Checked<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly error: { readonly issues: readonly { readonly message: string }[] } };

function parsed<T>(what: string, result: Checked<T>): T {
  if (!result.success) throw new ProblemError("invalid", `The ${what} ${result.error.issues[0]?.message}`);
  return result.data;
}
