import type { Database } from "bun:sqlite";
import type { createServerClient } from "@parley/client/server";

type Parley = ReturnType<typeof createServerClient>;

/** What people have to be told, as stored in the product's database. */
export type Telling =
  | { readonly push: Omit<Parameters<Parley["push"]>[0], "dedupeKey"> }
  | { readonly notify: Omit<Parameters<Parley["notify"]>[0], "dedupeKey"> }
  | { readonly settle: { readonly kind: string; readonly key: string } };

/** After a refusal that another try does not change, or while the server is away. */
const AGAIN_MS = 500;

/**
 * Tells people what has happened, once, whatever is killed and whenever. What has to be told is written in the transaction that makes it
 * happen; each line is sent until it is answered, one after another, with its own `dedupeKey`.
 */
export class Outbox {
  readonly #db: Database;
  readonly #parley: Parley;
  #wake = Promise.withResolvers<void>();

  constructor(db: Database, parley: Parley) {
    this.#db = db;
    this.#parley = parley;
    // Numbers are never reused, because they tell two lines apart.
    db.run("create table if not exists outbox (id integer primary key autoincrement, telling text not null)");
    void this.#run();
  }

  /** Call it inside the transaction. */
  add(telling: Telling): void {
    this.#db.run("insert into outbox (telling) values (?)", [JSON.stringify(telling)]);
    this.#wake.resolve();
  }

  async #run(): Promise<never> {
    const next = this.#db.query<{ id: number; telling: string }, []>("select * from outbox order by id limit 1");
    for (;;) {
      const line = next.get();
      if (!line) {
        this.#wake = Promise.withResolvers();
        await this.#wake.promise;
        continue;
      }
      try {
        await this.#tell(JSON.parse(line.telling), `outbox-${line.id}`);
        this.#db.run("delete from outbox where id = ?", [line.id]);
      } catch (error) {
        console.error(`Not told yet: ${(error as Error).message}`);
        await Bun.sleep(AGAIN_MS);
      }
    }
  }

  async #tell(telling: Telling, dedupeKey: string): Promise<void> {
    if ("push" in telling) await this.#parley.push({ ...telling.push, dedupeKey });
    else if ("notify" in telling) await this.#parley.notify({ ...telling.notify, dedupeKey });
    // Settling something twice is harmless.
    else await this.#parley.settle(telling.settle.kind, telling.settle.key);
  }
}
