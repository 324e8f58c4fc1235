import { keyOf } from "./log-changes.ts";
import { Paced } from "./paced.ts";
import type { Product } from "./product.ts";
import type { Random } from "./random.ts";
import type { Asking, World } from "./world.ts";

interface CustomsParts extends Asking {
  readonly world: World;
  readonly product: Product;
  readonly random: Random;
}

const WORKERS = 3;
const PER_SECOND = 4;
const KIND = "order.shipped";

/** The product's custom events, on streams of people, of rooms and of everybody. */
export class Customs {
  readonly #parts: CustomsParts;
  readonly #paces: Paced[] = [];
  readonly counts = { people: 0, rooms: 0, all: 0, refused: 0 };

  constructor(parts: CustomsParts) {
    this.#parts = parts;
  }

  async run(): Promise<void> {
    const workers = Array.from({ length: WORKERS }, (_, i) => {
      const random = this.#parts.random.of(`custom events ${i}`);
      const pace = new Paced(PER_SECOND);
      this.#paces.push(pace);
      let sent = 0;
      return pace.each(() => this.#push(`c${i}-${sent++}`, random));
    });
    await Promise.all(workers);
  }

  end(): void {
    for (const pace of this.#paces) pace.end();
  }

  async #push(ref: string, random: Random): Promise<void> {
    const { requests, book, world, product } = this.#parts;
    const what = random.weighted({ people: 50, rooms: 38, all: 12 });
    const [collapse, count] = [random.between(0, 7), random.between(1, 3)];
    const people = random.some(world.readers, count).map(({ uid }) => uid);
    const rooms = random.some(world.rooms, count).map(({ id }) => id);
    const to = what === "people" ? { users: people } : what === "rooms" ? { rooms } : { all: true };
    const collapseKey = collapse < 2 ? `${ref.split("-")[0]}-${collapse}` : null;
    const data = { ref, items: ["ü", 1, null], filler: "x".repeat(random.between(0, 300)) };
    const event = { to, kind: KIND, data, dedupeKey: ref, ...(collapseKey && { collapseKey }) };
    const asked = requests.ask(product.backend, "POST", "/server/events", event);
    const answer = await book.commands.book(asked, () => [{ key: keyOf.custom(ref), value: "pushed", proof: "event" }]);
    const { status, tries, body } = answer;
    const isAnswered = status === 200 || status === 201;
    const streams =
      what === "people"
        ? people.map((uid) => `user:${uid}`)
        : what === "rooms"
          ? rooms.map((id) => `room:${id}`)
          : ["all"];
    if (isAnswered && what !== "all" && body.recipients !== streams.length) {
      book.commands.wrong(`${ref} went to ${body.recipients} of ${streams.length}`);
    }
    const isDone = isAnswered ? "yes" : tries > 1 || status === 0 ? "perhaps" : "no";
    book.customs.push({ ref, streams, kind: KIND, data: JSON.stringify(data), collapseKey, isDone });
    // The room may have ended meanwhile.
    this.counts[isAnswered ? what : "refused"] += 1;
  }
}
