import type { Book } from "./ledger.ts";
import { keyOf } from "./log-changes.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import type { Person, Requests } from "./people.ts";
import type { Random } from "./random.ts";
import type { RecentMessages } from "./recent-messages.ts";
import { RECALLED_TEXT } from "./wire-record.ts";
import { changeRoom, type Room, type World } from "./world.ts";

const HALL = 1;
const WORKERS = 32;
/** The longest text that is allowed, of characters that take four bytes each in UTF-8. */
const LARGE = "\u{1f30a}".repeat(4096);

interface Recallable {
  readonly clientId: string;
  readonly id: number;
  readonly roomId: number;
}

interface Own {
  readonly name: string;
  readonly sender: Person;
  readonly random: Random;
  /** Messages to be recalled soon. */
  readonly recallable: Recallable[];
  renames: number;
}

interface SendersParts {
  readonly requests: Requests;
  readonly world: World;
  readonly book: Book;
  readonly recent: RecentMessages;
  readonly perSecond: number;
  readonly random: Random;
}

/**
 * The people who write. Each worker does one thing after the other, drawn from its own sequence, and repeats a send
 * with the same clientId until it has an answer.
 */
export class Senders {
  readonly #parts: Omit<SendersParts, "random">;
  readonly #workers: Own[];
  readonly #begunAt = performance.now();
  #done = 0;
  #over = false;

  constructor(parts: SendersParts) {
    this.#parts = parts;
    this.#workers = Array.from({ length: WORKERS }, (_, i) => ({
      name: `w${i}`,
      sender: parts.world.senders[i % parts.world.senders.length] as Person,
      random: parts.random.of(`sender ${i}`),
      recallable: [],
      renames: 0,
    }));
  }

  get done(): number {
    return this.#done;
  }

  /** Resolves after `end`, when everything that was begun has its answer. */
  async run(): Promise<void> {
    await Promise.all(this.#workers.map((own) => this.#work(own)));
  }

  end(): void {
    this.#over = true;
  }

  /** Sends many large messages at once, so that more waits for a reader who does not read than the server allows. */
  async flood(room: Room, count: number): Promise<void> {
    const [sender] = this.#parts.world.senders as [Person];
    let left = count;
    const one = async (): Promise<void> => {
      while (left-- > 0) await this.#post({ by: sender, worker: "flood", roomId: room.id, text: () => LARGE });
    };
    await Promise.all(Array.from({ length: 24 }, one));
  }

  async #work(own: Own): Promise<void> {
    const { perSecond } = this.#parts;
    while (!this.#over) {
      // If they are behind the plan after an outage, they go as fast as they can, as people do who come back together.
      const ahead = this.#done - (perSecond * (performance.now() - this.#begunAt)) / 1000;
      if (ahead > 0) {
        await Bun.sleep((ahead / perSecond) * 1000 + 1);
        continue;
      }
      this.#done += 1;
      await this.#act(own);
    }
    for (const message of own.recallable.splice(0)) await this.#recall(own, message);
  }

  async #act(own: Own): Promise<void> {
    const { random, recallable } = own;
    const { world, requests, book } = this.#parts;
    const what = random.weighted({ send: 90, hall: 2, toRecall: 2, rename: 1, role: 1, read: 4 });
    // This is drawn in any case, so that later draws do not depend on how this went.
    const at = random.next();
    const reader = random.between(0, world.readers.length - 1);
    const { rooms, fixedRooms } = world;
    const place = Math.floor(at * (rooms.length + fixedRooms.length));
    const room = (rooms[place] ?? fixedRooms[place - rooms.length]) as Room;
    switch (what) {
      case "send":
        await this.#send(own, room.id, (clientId) => `message ${clientId}`);
        break;
      case "hall":
        await this.#send(own, HALL, (clientId) => `message ${clientId}`);
        break;
      case "toRecall": {
        const sent = await this.#send(own, room.id, (clientId) => `${RECALLED_TEXT}${clientId}`);
        if (sent) recallable.push({ ...sent, roomId: room.id });
        const oldest = recallable.length > 1 ? recallable.shift() : undefined;
        if (oldest) await this.#recall(own, oldest);
        break;
      }
      case "rename": {
        // No two renames use the same name, so each has its own event.
        const name = `room ${own.name}-${own.renames++}`;
        await changeRoom({ requests, book }, room, { name });
        break;
      }
      case "role": {
        const { uid } = world.readers[reader] as Person;
        const role = at < 0.5 ? 2 : 3;
        const asked = requests.ask(room.owner, "PUT", `/rooms/${room.id}/members/${uid}/role`, { role });
        // The answer does not say whether it was so before.
        await book.commands.book(asked, () => [{ key: keyOf.role(room.id, uid), value: `${role}`, proof: "is so" }]);
        break;
      }
      case "read": {
        const seq = Math.floor(this.#done);
        const by = world.readers[reader] as Person;
        const { status, body } = await requests.ask(by, "PUT", `/rooms/${room.id}/read`, { seq });
        if (status === 200) book.commands.read(by.uid, room.id, Number(body.readSeq));
        break;
      }
    }
  }

  #send(own: Own, roomId: number, text: (clientId: string) => string) {
    return this.#post({ by: own.sender, worker: own.name, roomId, text });
  }

  async #post(what: { by: Person; worker: string; roomId: number; text: (clientId: string) => string }) {
    const { requests, book } = this.#parts;
    const { by, worker, roomId, text } = what;
    const { clientId, content, settle } = book.next(worker, { uid: by.uid, roomId, text });
    const message = { clientId, type: 1, body: { content } };
    const { status, tries, body } = await requests.ask(by, "POST", `/rooms/${roomId}/messages`, message);
    const id = Number((body as { message?: { id: number } }).message?.id ?? 0);
    settle(status, tries, id);
    if (status >= 300 || status === 0) return undefined;
    if (worker !== "flood") this.#parts.recent.add({ id, roomId });
    return { clientId, id };
  }

  async #recall(own: Own, { clientId, id, roomId }: Recallable): Promise<void> {
    const { requests, book } = this.#parts;
    const asked = requests.ask(own.sender, "DELETE", `/messages/${id}`);
    const claim = { key: keyOf.recall(roomId, id), value: `by ${own.sender.uid}`, proof: "event" } as const;
    const { status } = await book.commands.book(asked, () => [claim]);
    // After a jump of the clock, it may be too late to recall it.
    if (status === 200) book.recalled({ clientId, messageId: id, repliedAt: monotonicMs() });
  }
}
