import { keyOf } from "./log-changes.ts";
import { Paced } from "./paced.ts";
import type { Person } from "./people.ts";
import type { Random } from "./random.ts";
import type { RecentMessage, RecentMessages } from "./recent-messages.ts";
import type { Asking, World } from "./world.ts";

const WORKERS = 12;
const PER_SECOND = 2;
const HALL = 1;

type MarkName = "like" | "dislike";

interface Marked {
  readonly person: Person;
  readonly message: RecentMessage;
}

/** People who like and dislike messages, change their minds and take it back, often many of them on the same message at once. */
export class Marking {
  readonly #parts: Asking & { world: World; recent: RecentMessages };
  readonly #paces: Paced[] = [];
  readonly #random: Random;
  /** Requests that were answered, and those that were refused: most of these people are no longer in the room. */
  done = 0;
  refused = 0;

  constructor(parts: Asking & { world: World; recent: RecentMessages; random: Random }) {
    this.#parts = parts;
    this.#random = parts.random;
  }

  async run(): Promise<void> {
    const { senders, readers } = this.#parts.world;
    // One worker handles all marks of a person, so that the order of the requests is known.
    const people = [...senders, ...readers];
    const workers = Array.from({ length: WORKERS }, (_, i) => {
      const own = people.filter((_, at) => at % WORKERS === i);
      const random = this.#random.of(`marks ${i}`);
      const pace = new Paced(PER_SECOND);
      this.#paces.push(pace);
      let last: Marked | undefined;
      return pace.each(async () => {
        const [again, share] = [random.chance(0.5), random.next()];
        const message = this.#parts.recent.pick(random);
        const what = random.weighted({ like: 40, dislike: 30, "no like": 18, "no dislike": 12 });
        const able = message ? own.filter((person) => this.#isIn(person, message.roomId)) : [];
        const person = able[Math.floor(share * able.length)];
        const picked = again && last ? last : message && person && { person, message };
        if (picked)
          await this.#mark(picked, { name: what.replace("no ", "") as MarkName, isSet: !what.startsWith("no") });
        last = picked;
      });
    });
    await Promise.all(workers);
  }

  end(): void {
    for (const pace of this.#paces) pace.end();
  }

  /** As far as is known: a person may leave meanwhile, and is then refused. */
  #isIn(person: Person, roomId: number): boolean {
    const { readers, rooms } = this.#parts.world;
    const at = readers.indexOf(person);
    return at < 0 || roomId === HALL || rooms.some(({ id, readers: inside }) => id === roomId && inside.has(at));
  }

  async #mark({ person, message }: Marked, { name, isSet }: { name: MarkName; isSet: boolean }): Promise<void> {
    const { requests, book } = this.#parts;
    const path = `/messages/${message.id}/marks/${name}`;
    const key = keyOf.mark(person.uid, message.id);
    const asked = requests.ask(person, isSet ? "PUT" : "DELETE", path);
    const { status } = await book.commands.book(asked, (body) => {
      const shown = body.userLike === 1 ? "like" : body.userDislike === 1 ? "dislike" : "none";
      const isShown = body.userLike !== undefined;
      // The reply has to show what was asked for; if it does not, both are claimed, and one of them is wrong.
      const isAsked = isSet ? shown === name : shown !== name;
      const values = isShown ? (isAsked ? [shown] : [shown, isSet ? name : "none"]) : [isSet ? name : "none"];
      return values.map((value) => ({ key, value, proof: "is so" as const }));
    });
    if (status === 200) this.done += 1;
    else this.refused += 1;
  }
}
