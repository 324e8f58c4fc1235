import type { Child } from "./child.ts";
import type { ClientsCall } from "./clients.ts";
import { keyOf } from "./log-changes.ts";
import type { Lull } from "./lull.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import { Paced } from "./paced.ts";
import type { Person } from "./people.ts";
import type { Product } from "./product.ts";
import type { ProxyCall } from "./proxy.ts";
import type { Random } from "./random.ts";
import type { Asking, World } from "./world.ts";

interface BansParts extends Asking {
  readonly world: World;
  readonly product: Product;
  readonly proxy: Child<ProxyCall>;
  readonly clients: Child<ClientsCall>;
  readonly lull: Lull;
  readonly random: Random;
}

const WORKERS = 2;
const PER_SECOND = 1;

/** An administrator who keeps readers out for a few seconds, and lets them in again. */
export class Bans {
  readonly #parts: BansParts;
  readonly #paces: Paced[] = [];
  done = 0;

  constructor(parts: BansParts) {
    this.#parts = parts;
  }

  async run(): Promise<void> {
    const { world, random, lull } = this.#parts;
    const workers = Array.from({ length: WORKERS }, (_, i) => {
      const own = random.of(`bans ${i}`);
      const clients = world.readers.map((_, client) => client).filter((client) => client % WORKERS === i);
      const pace = new Paced(PER_SECOND);
      this.#paces.push(pace);
      return pace.each(async () => {
        const client = own.pick(clients);
        const [ms, isProlonged] = [own.between(1_200, 3_000), own.chance(0.3)];
        await lull.over;
        await this.#ban(client, { ms, isProlonged });
      });
    });
    await Promise.all(workers);
  }

  end(): void {
    for (const pace of this.#paces) pace.end();
  }

  async #ban(client: number, { ms, isProlonged }: { ms: number; isProlonged: boolean }): Promise<void> {
    const { requests, book, world, product, proxy, clients } = this.#parts;
    const { uid } = world.readers[client] as Person;
    const path = `/admin/bans/users/${uid}`;
    const key = keyOf.ban(uid);
    const put = (reason: string) => requests.ask(product.administrator, "PUT", path, { reason });
    await clients.ask({ ask: "ban", client, isBanned: true });
    await book.commands.book(put("a test"), () => [{ key, value: "banned", proof: "event" }]);
    const from = monotonicMs();
    await proxy.ask({ ask: "ban", client, from });
    await this.#isRefused(client, from);
    // Nobody hears of a changed reason.
    if (isProlonged) await book.commands.book(put("another"), () => [{ key, value: "banned", proof: "was so" }]);
    await Bun.sleep(ms);
    await this.#isRefused(client, from);
    await proxy.ask({ ask: "ban", client, from: undefined });
    const free = requests.ask(product.administrator, "DELETE", path);
    await book.commands.book(free, () => [{ key, value: "free", proof: "event" }]);
    await clients.ask({ ask: "ban", client, isBanned: false });
    this.done += 1;
  }

  /** Whichever server is asked. @param from when the ban was answered */
  async #isRefused(client: number, from: number): Promise<void> {
    const { requests, book, world } = this.#parts;
    const person = world.readers[client] as Person;
    const { status, askedAt, node } = await requests.ask(person, "GET", "/me");
    const answer = `${person.uid} is banned, and GET /me is ${status} on server ${node}, asked ${askedAt - from} ms later`;
    if (status !== 403) book.commands.lateAnswers.push({ answer, from, askedAt, node });
  }
}
