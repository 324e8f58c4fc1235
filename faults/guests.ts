import type { Child } from "./child.ts";
import { keyOf } from "./log-changes.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import { Paced } from "./paced.ts";
import type { Person } from "./people.ts";
import type { Product } from "./product.ts";
import type { ProxyCall } from "./proxy.ts";
import type { Random } from "./random.ts";
import type { Asking, World } from "./world.ts";

interface GuestsParts extends Asking {
  readonly world: World;
  readonly product: Product;
  readonly proxy: Child<ProxyCall>;
  readonly random: Random;
}

const HALL = 1;
const SENDS_PER_SECOND = 3;
const BANS_PER_SECOND = 0.4;

interface Shown {
  readonly items: readonly {
    readonly fromUser: { readonly uid: number };
    readonly message: { readonly type: number; readonly body: unknown };
  }[];
}

/** People who write in the hall, and are banned now and then: until the ban ends, nobody who asks is shown what they wrote. */
export class Guests {
  readonly #parts: GuestsParts;
  readonly #paces: Paced[] = [];
  bans = 0;

  constructor(parts: GuestsParts) {
    this.#parts = parts;
  }

  async run(): Promise<void> {
    const { world, random } = this.#parts;
    const all = world.guests.flatMap((guest, i) => {
      const [sending, banning] = [new Paced(SENDS_PER_SECOND), new Paced(BANS_PER_SECOND)];
      this.#paces.push(sending, banning);
      const own = random.of(`guest ${i}`);
      return [sending.each(() => this.#send(guest)), banning.each(() => this.#ban(guest, own.between(800, 2_000)))];
    });
    await Promise.all(all);
  }

  end(): void {
    for (const pace of this.#paces) pace.end();
  }

  async #send(guest: Person): Promise<void> {
    const { requests, book } = this.#parts;
    const text = (clientId: string) => `${writtenBy(guest)} ${clientId}`;
    const { clientId, content, settle } = book.next(`guest${guest.uid}`, { uid: guest.uid, roomId: HALL, text });
    const message = { clientId, type: 1, body: { content } };
    const { status, tries, body } = await requests.ask(guest, "POST", `/rooms/${HALL}/messages`, message);
    settle(status, tries, Number((body as { message?: { id: number } }).message?.id ?? 0));
  }

  async #ban(guest: Person, ms: number): Promise<void> {
    const { requests, book, product, proxy } = this.#parts;
    const path = `/admin/bans/users/${guest.uid}`;
    const key = keyOf.ban(guest.uid);
    const banned = requests.ask(product.administrator, "PUT", path, { reason: "" });
    await book.commands.book(banned, () => [{ key, value: "banned", proof: "event" }]);
    const text = writtenBy(guest);
    await proxy.ask({ ask: "hide", text, from: monotonicMs() });
    await this.#look(guest, { isHidden: true });
    await Bun.sleep(ms);
    await proxy.ask({ ask: "hide", text, from: undefined });
    const free = requests.ask(product.administrator, "DELETE", path);
    await book.commands.book(free, () => [{ key, value: "free", proof: "event" }]);
    await this.#look(guest, { isHidden: false });
    this.bans += 1;
  }

  /** What the hall's history has of their messages now. */
  async #look(guest: Person, { isHidden }: { isHidden: boolean }): Promise<void> {
    const { requests, book, world } = this.#parts;
    const { body } = await requests.ask(world.senders[0], "GET", `/rooms/${HALL}/messages?limit=100`);
    for (const { fromUser, message } of (body as unknown as Partial<Shown>).items ?? []) {
      if (fromUser.uid !== guest.uid) continue;
      const isShown = JSON.stringify(message.body).includes(writtenBy(guest));
      if (isShown === isHidden || (message.type === 2) !== isHidden) {
        book.commands.wrong(`${guest.uid} is ${isHidden ? "banned" : "free"}: ${JSON.stringify(message)}`);
      }
    }
  }
}

function writtenBy({ uid }: Person): string {
  return `by-guest-${uid}`;
}
