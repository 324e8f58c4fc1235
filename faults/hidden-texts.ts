/** Keeping more would only fill memory. */
const MOST_SHOWN = 5_000;

/** What a banned person wrote was shown on a connection, or in a reply, that was begun after the ban's answer. */
export interface HiddenShown {
  readonly text: string;
  /** When the ban was answered. */
  readonly from: number;
  readonly askedAt: number;
  readonly node: number;
}

/** What people wrote who are banned: until that ends it comes on no connection, and in no reply, that was asked for after the ban's answer. */
export class HiddenTexts {
  readonly #hidden = new Map<string, number>();
  readonly shown: HiddenShown[] = [];

  /** @param from when the ban was answered; undefined if it is about to end */
  set(text: string, from: number | undefined): void {
    if (from === undefined) this.#hidden.delete(text);
    else this.#hidden.set(text, from);
  }

  /** @param frame in Latin-1 */
  look(frame: string, { askedAt, node }: Pick<HiddenShown, "askedAt" | "node">): void {
    for (const [text, from] of this.#hidden) {
      if (askedAt <= from || !frame.includes(text) || this.shown.length >= MOST_SHOWN) continue;
      this.shown.push({ text, from, askedAt, node });
    }
  }
}
