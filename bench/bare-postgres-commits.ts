import { Client } from "pg";
import { BATCH, storeAsTold } from "./bare-batches.ts";

/**
 * A reference: what the disk and PostgreSQL alone cost. It stores the same as `bare-commits.ts`, in the server's own tables, with the statements of a
 * batch in two round trips, one to begin and one for the rest. There is no HTTP, nothing is looked up, and nobody else writes.
 */
const ROOM = 1;
const HASH = "0".repeat(64);

const [url = ""] = Bun.argv.slice(2);
const client = new Client({ connectionString: url, pipeline: true });
await client.connect();

const run = (name: string, text: string, values: unknown[] = []) => client.query({ name, text, values });

let pos = 0;
async function storeBatch(): Promise<void> {
  const at = Date.now();
  const ids = Array.from({ length: BATCH }, (_, i) => pos + i + 1);
  pos += BATCH;
  await run("begin", "begin");
  const stored = [
    run(
      "events",
      "insert into events (pos, stream, seq, type, message_id, at) select id, 'room:1', id, 4, id, $2 from unnest($1::bigint[]) as id",
      [ids, at],
    ),
    run(
      "messages",
      `insert into messages (id, room_id, seq, no, uid, type, body, client_id, request_hash, sent_at)
       select id, ${ROOM}, id, id, 20001 + id % 8, 1, body, 'bare-' || id, $3, $4 from unnest($1::bigint[], $2::text[]) as t (id, body)`,
      [ids, ids.map((id) => `{"content":"The quick brown fox, number ${id}","mentions":[]}`), HASH, at],
    ),
    run("end", "update log set pos = $1", [pos]),
    run(
      "head",
      `insert into streams (stream, seq, pos, first_seq) values ('room:1', $1, $1, 1)
       on conflict (stream) do update set seq = excluded.seq, pos = excluded.pos`,
      [pos],
    ),
    run("room", `update rooms set no = $1, last_message_id = $1 where id = ${ROOM}`, [pos]),
    run("commit", "commit"),
  ];
  await Promise.all(stored);
}

await storeAsTold(storeBatch);
