import { keyOf } from "./log-changes.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import { listsOf, NoticeModel, type SentNotice } from "./notice-model.ts";
import { Paced } from "./paced.ts";
import type { Person } from "./people.ts";
import type { Product } from "./product.ts";
import type { Random } from "./random.ts";
import { RECALLED_TEXT } from "./wire-record.ts";
import type { Asking, World } from "./world.ts";

interface NoticesParts extends Asking {
  readonly world: World;
  readonly product: Product;
  readonly random: Random;
}

interface Worker {
  readonly name: string;
  readonly random: Random;
  readonly model: NoticeModel;
  /** The people whose notifications this worker sees, reads and archives. */
  readonly people: readonly Person[];
  /** Notifications that may still change. */
  readonly open: SentNotice[];
  sent: number;
  /** By uid: the highest id that they have seen or read up to, and the ids that they have read or archived one by one. */
  readonly places: Map<string, number>;
  readonly marked: Set<string>;
}

const WORKERS = 4;
const PER_SECOND = 4;
const KIND = "approval";
const FEW = 6;
/** Older ones are left as they are. */
const MOST_OPEN = 12;

/** The product's notifications, which it changes, settles and takes back; and people who see, read and archive theirs. */
export class Notices {
  readonly #parts: NoticesParts;
  readonly #paces: Paced[] = [];
  readonly counts = { sent: 0, changed: 0, marked: 0 };

  constructor(parts: NoticesParts) {
    this.#parts = parts;
  }

  async run(): Promise<void> {
    const { random, world, book } = this.#parts;
    const workers = Array.from({ length: WORKERS }, (_, i) => {
      const model = new NoticeModel();
      book.notices.push(() => model.all);
      const people = world.readers.filter((_, at) => at % WORKERS === i);
      const shared = { model, people, open: [], sent: 0, places: new Map(), marked: new Set<string>() };
      const own: Worker = { name: `n${i}`, random: random.of(`notices ${i}`), ...shared };
      const pace = new Paced(PER_SECOND);
      this.#paces.push(pace);
      return pace.each(() => this.#act(own));
    });
    await Promise.all(workers);
  }

  end(): void {
    for (const pace of this.#paces) pace.end();
  }

  async #act(own: Worker): Promise<void> {
    const { random } = own;
    const what = random.weighted({ send: 50, text: 10, done: 12, back: 8, see: 8, readUpTo: 3, read: 6, archive: 6 });
    const [at, person] = [random.next(), random.pick(own.people)];
    const notice = own.open[Math.floor(at * own.open.length)];
    if (what === "send") await this.#send(own);
    else if (!notice) return;
    else if (what === "see" || what === "readUpTo") await this.#moveTo(own, { person, what, upTo: notice.id });
    else if (what === "read" || what === "archive") await this.#markOne(own, { person, what, notice });
    else await this.#change(own, notice, what);
  }

  async #send(own: Worker): Promise<void> {
    const { requests, book, world, product } = this.#parts;
    const { random, model, open } = own;
    const ref = `${own.name}-${own.sent++}`;
    const [isToAll, count, collapse] = [random.chance(0.06), random.chance(0.7) ? 1 : 3, random.between(0, 5)];
    // Those with the same `collapseKey` go to a few people, who get it again and again.
    const people = collapse < 2 ? world.readers.slice(0, FEW) : world.readers;
    const uids = random.some(people, count).map(({ uid }) => uid);
    const to = isToAll ? { all: true } : { users: uids };
    const collapseKey = collapse < 2 ? `${own.name}-${collapse}` : null;
    const text = `text ${RECALLED_TEXT}${ref}`;
    const notice = { to, kind: KIND, title: ref, text, key: ref, dedupeKey: ref, ...(collapseKey && { collapseKey }) };
    const asked = requests.ask(product.backend, "POST", "/server/notifications", notice);
    const { status, body } = await book.commands.book(asked, ({ id }) =>
      id === undefined ? [] : [{ key: keyOf.notice(Number(id)), value: "sent", proof: "event" as const }],
    );
    // Nobody is refused this; if the run ends without an answer, there is nothing to judge by.
    if (status >= 300 || status === 0) throw new Error(`a notification was refused: ${status} ${JSON.stringify(body)}`);
    const streams = isToAll ? ["all"] : uids.map((uid) => `user:${uid}`);
    open.push(model.sent({ id: Number(body.id), ref, kind: KIND, toAll: isToAll, collapseKey }, { streams, text }));
    if (open.length > MOST_OPEN) open.shift();
    this.counts.sent += 1;
  }

  async #change(own: Worker, notice: SentNotice, what: "text" | "done" | "back"): Promise<void> {
    const { requests, book, product } = this.#parts;
    const path = `/server/notifications/${KIND}/${notice.ref}`;
    this.counts.changed += 1;
    if (what === "back") {
      await requests.ask(product.backend, "DELETE", path);
      own.model.takenBack(notice);
      book.takenBack.push({ ref: notice.ref, repliedAt: monotonicMs() });
      own.open.splice(own.open.indexOf(notice), 1);
    } else if (what === "done") {
      await requests.ask(product.backend, "PUT", `${path}/done`);
      if (!notice.done) own.model.changed(notice, { done: true });
    } else {
      const text = `${notice.text}!`;
      const { status } = await requests.ask(product.backend, "PATCH", `/server/notifications/${notice.id}`, { text });
      // A notification that has left every list is gone; the model has no lists for it either.
      const isThere = listsOf(notice).length > 0;
      if ((status === 200) !== isThere) book.commands.wrong(`notification ${notice.id} is ${status}`);
      if (isThere) own.model.changed(notice, { text });
    }
  }

  /** Places only move forward, and each number is different. */
  async #moveTo(own: Worker, how: { person: Person; what: "see" | "readUpTo"; upTo: number }): Promise<void> {
    const { person, what, upTo } = how;
    const place = `${person.uid} ${what}`;
    if ((own.places.get(place) ?? 0) >= upTo) return;
    own.places.set(place, upTo);
    const { requests, book } = this.#parts;
    const asked = requests.ask(person, "PUT", `/notifications/${what === "see" ? "seen" : "read"}`, { upTo });
    const key = what === "see" ? keyOf.seen(person.uid) : keyOf.read(person.uid);
    await book.commands.book(asked, () => [{ key, value: `${upTo}`, proof: "event" }]);
    this.counts.marked += 1;
  }

  async #markOne(own: Worker, how: { person: Person; what: "read" | "archive"; notice: SentNotice }): Promise<void> {
    const { what, notice } = how;
    const lists = listsOf(notice);
    // Somebody who has it; for one that went to everybody, anybody.
    const person = notice.toAll ? how.person : own.people.find(({ uid }) => lists.includes(`user:${uid}`));
    if (!person || lists.length === 0) return;
    const mark = `${person.uid} ${what} ${notice.id}`;
    const isRead = what === "read" && (own.places.get(`${person.uid} readUpTo`) ?? 0) >= notice.id;
    if (own.marked.has(mark) || isRead) return;
    own.marked.add(mark);
    const { requests, book } = this.#parts;
    const asked = requests.ask(person, "PUT", `/notifications/${what}`, { ids: [notice.id] });
    const event =
      what === "read"
        ? { key: keyOf.read(person.uid), value: `one, ${notice.id}` }
        : { key: keyOf.archived(person.uid, notice.id), value: "archived" };
    await book.commands.book(asked, () => [{ ...event, proof: "event" }]);
    this.counts.marked += 1;
  }
}
