const EXAMPLES = 50;

/** What people wrote who are banned: until that ends it comes on no connection, and in no reply, that was asked for after the ban's answer. */
export class HiddenTexts {
  readonly #hidden = new Map<string, number>();
  readonly shown: string[] = [];

  /** @param from when the ban was answered; undefined if it is about to end */
  set(text: string, from: number | undefined): void {
    if (from === undefined) this.#hidden.delete(text);
    else this.#hidden.set(text, from);
  }

  /** @param frame in Latin-1 */
  look(frame: string, askedAt: number): void {
    for (const [text, from] of this.#hidden) {
      if (askedAt <= from || !frame.includes(text) || this.shown.length >= EXAMPLES) continue;
      this.shown.push(`${text}, asked for ${Math.round(askedAt - from)} ms after the ban`);
    }
  }
}
