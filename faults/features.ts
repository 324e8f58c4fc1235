import { Bans } from "./bans.ts";
import { Contacts } from "./contacts.ts";
import { Customs } from "./customs.ts";
import { Guests } from "./guests.ts";
import { Marking } from "./marking.ts";
import { Notices } from "./notices.ts";
import type { Random } from "./random.ts";

type Parts = Omit<ConstructorParameters<typeof Bans>[0] & ConstructorParameters<typeof Marking>[0], "random">;

/** Everybody who does something other than write in rooms: people who mark and make friends, an administrator, the product. */
export class Features {
  readonly #marking: Marking;
  readonly #contacts: Contacts;
  readonly #bans: Bans;
  readonly #guests: Guests;
  readonly #notices: Notices;
  readonly #customs: Customs;

  constructor(parts: Parts, random: Random) {
    this.#marking = new Marking({ ...parts, random: random.of("marking") });
    this.#contacts = new Contacts({ ...parts, random: random.of("contacts") });
    this.#bans = new Bans({ ...parts, random: random.of("bans") });
    this.#guests = new Guests({ ...parts, random: random.of("guests") });
    this.#notices = new Notices({ ...parts, random: random.of("notices") });
    this.#customs = new Customs({ ...parts, random: random.of("customs") });
  }

  get counts() {
    const { done, refused } = this.#marking;
    return {
      marks: { done, refused },
      contacts: this.#contacts.counts,
      bans: this.#bans.done,
      guestBans: this.#guests.bans,
      notices: this.#notices.counts,
      customs: this.#customs.counts,
    };
  }

  /** Resolves after `end`, when everything that was begun has its answer. */
  async run(): Promise<void> {
    await Promise.all(this.#all.map((one) => one.run()));
  }

  end(): void {
    for (const one of this.#all) one.end();
  }

  get #all() {
    return [this.#marking, this.#contacts, this.#bans, this.#guests, this.#notices, this.#customs];
  }
}
