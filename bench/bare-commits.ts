import { Database } from "bun:sqlite";
import { BATCH, storeAsTold } from "./bare-batches.ts";

/**
 * A reference: what the disk and SQLite alone cost. It stores messages with
 * their events, in batches of 64 to a transaction, each synced (WAL, synchronous=FULL), into the server's own tables. There is no
 * HTTP, there are no threads, and nothing is looked up.
 */
const ROOM = 1;

const [path = ""] = Bun.argv.slice(2);
const database = new Database(path);
for (const pragma of ["journal_mode = wal", "synchronous = full", "cache_size = -65536"])
  database.run(`pragma ${pragma}`);
const insertEvent = database.prepare(
  "insert into events (pos, stream, seq, type, message_id, at) values (?1, 'room:1', ?1, 4, ?1, ?2)",
);
const insertMessage = database.prepare(
  `insert into messages (id, room_id, seq, no, uid, type, body, client_id, request_hash, sent_at)
   values (?1, ${ROOM}, ?1, ?1, ?2, 1, ?3, ?4, ?5, ?6)`,
);
const moveEnd = database.prepare("update log set pos = ?1");
const moveHead = database.prepare(
  `insert into streams (stream, seq, pos, first_seq) values ('room:1', ?1, ?1, 1)
   on conflict (stream) do update set seq = excluded.seq, pos = excluded.pos`,
);
const moveRoom = database.prepare(`update rooms set no = ?1, last_message_id = ?1 where id = ${ROOM}`);
const HASH = "0".repeat(64);

let pos = 0;
const storeBatch = database.transaction(() => {
  const now = Date.now();
  for (let i = 0; i < BATCH; i++) {
    pos += 1;
    const body = `{"content":"The quick brown fox, number ${pos}","mentions":[]}`;
    insertEvent.run(pos, now);
    insertMessage.run(pos, 20_001 + (pos % 8), body, `bare-${pos}`, HASH, now);
  }
  moveEnd.run(pos);
  moveHead.run(pos);
  moveRoom.run(pos);
});

await storeAsTold(() => storeBatch.immediate());
