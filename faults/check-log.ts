import type { Database } from "bun:sqlite";
import type { SeenEvents } from "./app-record.ts";
import { askedFor, saidBy, saidIn } from "./contents.ts";
import type { Ledger, WorkerLedger } from "./ledger.ts";
import { Problems } from "./problems.ts";

interface Row {
  readonly pos: number;
  readonly stream: string;
  readonly seq: number;
  readonly type: number;
  readonly messageId: number | null;
  readonly clientId: string | null;
  readonly uid: number | null;
  readonly place: string | null;
  readonly data: string | null;
  readonly roomId: number;
  readonly no: number | null;
  readonly sendTime: number;
  readonly recalledBy: number | null;
  readonly body: string;
}

const MESSAGE = 4;

/** One pass over the whole log: is it in order, does it contain what was promised, and is it what the applications got? */
export function checkLog(
  db: Database,
  { ledger, seen }: { ledger: Ledger; seen: Readonly<Record<string, SeenEvents>> },
): { events: number; problems: Problems } {
  const problems = new Problems();
  const banned = bannedIn(db);
  const heads = new Map<string, number>();
  const stored = new Map<string, StoredSends>(ledger.workers.map((own) => [own.worker, new StoredSends(own)]));
  let events = 0;
  const rows = db.query<Row, []>(
    `select e.pos, e.stream, e.seq, e.type, e.message_id as messageId, m.client_id as clientId, m.uid,
            'room:' || m.room_id || '@' || m.seq as place, e.data,
            m.room_id as roomId, m.no, m.sent_at as sendTime, m.recalled_by as recalledBy, m.body
     from events e left join messages m on m.id = e.message_id order by e.pos`,
  );
  for (const row of rows.iterate()) {
    events += 1;
    const { stream, seq, type, messageId, clientId } = row;
    const expected = (heads.get(stream) ?? 0) + 1;
    if (seq !== expected) problems.add("log out of order", `${stream}: ${seq} where ${expected} belongs`);
    heads.set(stream, seq);
    const isMessage = type === MESSAGE;
    if (isMessage && (messageId !== row.pos || row.place !== `${stream}@${seq}`)) {
      problems.add("log out of order", `${stream} ${seq} is not the place of message ${messageId}`);
    }
    const told = seen[stream]?.ids[seq];
    if (told != null && told !== (isMessage ? messageId : -type)) problems.add("told otherwise", `${stream} ${seq}`);
    const own = seen[stream];
    if (isMessage) {
      const dash = clientId?.lastIndexOf("-") ?? -1;
      const sends = stored.get(clientId?.slice(0, dash) ?? "");
      const n = Number(clientId?.slice(dash + 1));
      sends?.add(n, row);
      // The text of a recalled message is gone; readers had got it as it was sent.
      const sent = sends?.asked(n);
      const asked = row.recalledBy === null ? askedFor(row.roomId, contentOf(row.body)) : sent;
      if (sent !== undefined && asked !== sent) problems.add("stored otherwise than sent", `${clientId}`);
      if (told != null && own) checkTold(own, { row, asked, isHideable: banned.has(row.uid ?? 0), problems });
    } else if (own?.said[seq] != null && row.data !== null && own.said[seq] !== saidBy(JSON.parse(row.data))) {
      problems.add("told otherwise", `${stream} ${seq}: data`);
    }
  }
  const messages = db.query<{ count: number }, []>("select count(*) as count from messages").get()?.count ?? 0;
  const logged = db.query<{ count: number }, []>(`select count(*) as count from events where type = ${MESSAGE}`).get();
  if (messages !== logged?.count) problems.add("log out of order", `${messages} messages, ${logged?.count} events`);
  for (const { worker, ids } of ledger.workers) {
    const own = stored.get(worker) as StoredSends;
    for (const [n, id] of ids.entries()) own.check({ n, id, clientId: `${worker}-${n}`, problems });
    if (own.strange > 0) problems.add("sends of nobody", `${own.strange} of ${worker}`, own.strange);
  }
  return { events, problems };
}

/** What readers may get for a message: with its text, and without it. */
function checkTold(
  { said, recalled }: SeenEvents,
  {
    row,
    asked,
    isHideable,
    problems,
  }: { row: Row; asked: number | undefined; isHideable: boolean; problems: Problems },
): void {
  const { stream, seq, recalledBy } = row;
  const facts = { ...row, id: row.messageId ?? 0, uid: row.uid ?? 0 };
  if (said[seq] != null && asked !== undefined && said[seq] !== saidIn(facts, asked)) {
    problems.add("told otherwise", `${stream} ${seq}: text`);
  }
  const isRight = (recalledBy !== null || isHideable) && recalled[seq] === saidIn(facts, undefined);
  if (recalled[seq] !== undefined && !isRight) problems.add("told otherwise", `${stream} ${seq}: recalled`);
}

/** People who were banned at some time: readers then get what they wrote as if it were recalled. */
function bannedIn(db: Database): Set<number> {
  const rows = db.query<{ data: string }, []>("select distinct data from events where type = 7").all();
  return new Set(rows.map(({ data }) => (JSON.parse(data) as { uid: number }).uid));
}

function contentOf(body: string): string {
  return (JSON.parse(body) as { content: string }).content;
}

/** What the database has of one worker. */
class StoredSends {
  readonly #uid: number;
  readonly #asked: readonly number[];
  readonly #ids: (number | undefined)[] = [];
  readonly #again = new Map<number, number>();
  /** Rows that this worker did not send. */
  strange = 0;

  constructor({ uid, asked }: Pick<WorkerLedger, "uid" | "asked">) {
    this.#uid = uid;
    this.#asked = asked;
  }

  /** Undefined if nobody sent it. */
  asked(n: number): number | undefined {
    return this.#asked[n];
  }

  add(n: number, { messageId, uid }: Row): void {
    if (uid !== this.#uid || !Number.isInteger(n) || messageId === null) this.strange += 1;
    else if (this.#ids[n] === undefined) this.#ids[n] = messageId;
    else this.#again.set(n, (this.#again.get(n) ?? 1) + 1);
  }

  /** @param sent.id as in the ledger */
  check(sent: { n: number; id: number | null; clientId: string; problems: Problems }): void {
    const { n, id, clientId, problems } = sent;
    const stored = this.#ids[n];
    if (this.#again.has(n)) problems.add("sends stored twice", clientId);
    if (id === 0 && stored !== undefined) problems.add("refused and stored", clientId);
    if (id === null || id <= 0) return;
    if (stored === undefined) problems.add("acknowledged and lost", clientId);
    else if (stored !== id) problems.add("acknowledged as another", `${clientId}: ${id}, stored as ${stored}`);
  }
}
