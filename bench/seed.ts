import { join } from "node:path";
import { openWrites, prepareDatabase } from "../packages/server/src/db/open.ts";
import { single } from "../packages/server/src/db/procedures.ts";
import { ofServer } from "../packages/server/src/db/share.ts";
import { acceptedOf, type WriteTransaction } from "../packages/server/src/db/transaction.ts";
import { insertUsers } from "../packages/server/src/identity/accounts-writes.ts";
import { insertLogins } from "../packages/server/src/identity/logins-writes.ts";
import { hashOf, newToken } from "../packages/server/src/identity/tokens.ts";
import { createRoom } from "../packages/server/src/rooms/room-writes.ts";
import { procedures } from "../packages/server/src/writes.ts";

export interface SeededPerson {
  readonly uid: number;
  readonly token: string;
}

/** Creates signed-in people without passwords: hashing ten thousand passwords takes five minutes. */
async function signUpMany(
  tx: WriteTransaction,
  { from, hashes }: { from: number; hashes: readonly string[] },
): Promise<number[]> {
  const people = hashes.map((_, index) => {
    return { name: `reader ${from + index}`, passwordHash: "", power: 0 as const, ip: "127.0.0.1" };
  });
  const users = acceptedOf(await insertUsers(tx, people));
  const logins = users.map((user, index) => {
    const tokenHash = hashes[index] as string;
    return { user, uid: user.uid, tokenHash, ip: "127.0.0.1", userAgent: "bench", via: "password" as const };
  });
  await insertLogins(tx, logins);
  return users.map(({ uid }) => uid);
}

export interface SeedWish {
  readonly people: number;
  readonly rooms: (uids: readonly number[]) => readonly (readonly number[])[];
  /** Of an empty database on PostgreSQL; by default it is SQLite in the folder. */
  readonly databaseUrl?: string | undefined;
}

/** A database with people and rooms, made by the server's own write procedures while no server has it open. */
export async function seed(dataDir: string, wish: SeedWish): Promise<{ people: SeededPerson[]; rooms: number[] }> {
  const table = { ...procedures, signUpMany: single(signUpMany, ofServer()) };
  const { databaseUrl } = wish;
  const writes = openWrites(await prepareDatabase({ dir: dataDir, databaseUrl }, Date.now()), { table });
  const people: SeededPerson[] = [];
  while (people.length < wish.people) {
    const tokens = Array.from({ length: Math.min(1000, wish.people - people.length) }, newToken);
    const uids = await writes.run(signUpMany, { from: people.length, hashes: tokens.map(hashOf) });
    for (const [index, uid] of uids.entries()) people.push({ uid, token: tokens[index] as string });
  }
  const rooms: number[] = [];
  const members = wish.rooms(people.map(({ uid }) => uid));
  while (rooms.length < members.length) {
    const some = someOf(members.slice(rooms.length));
    const made = some.map(([uid = 0, ...memberIds]) =>
      writes.run(createRoom, { uid, name: "bench", memberIds, history: "all" }),
    );
    for (const { roomId } of await Promise.all(made)) rooms.push(roomId);
  }
  await writes.close();
  return { people, rooms };
}

/** As many rooms at once as one person may have waiting for the writer, or a single room that is larger than that. */
function someOf(rooms: readonly (readonly number[])[]): readonly (readonly number[])[] {
  let people = 0;
  const count = rooms.findIndex(({ length }) => {
    people += length + 2;
    return people > 2000;
  });
  return count === -1 ? rooms : rooms.slice(0, Math.max(1, count));
}

/** Writes the tokens to a file, one a line, for the load programs. */
export async function writeTokens(folder: string, people: readonly SeededPerson[]): Promise<string> {
  const path = join(folder, "tokens");
  await Bun.write(path, people.map(({ token }) => `${token}\n`).join(""));
  return path;
}
