import type { PushFrame } from "../reading/push-frame.ts";
import type { Asking } from "./asking.ts";
import type { Notices } from "./notices.ts";
import { Topics } from "./topics.ts";
import type { View } from "./view.ts";

/** A list of the user's own. */
export interface OwnItems<T> {
  readonly items: readonly T[];
  /** The list has all that the server has; otherwise there are more than the store keeps. */
  readonly isWhole: boolean;
  readonly state: "loading" | "ready" | "refused";
}

interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
  /** For the first page of a list whose items have rising ids: nothing with this id or a lower one is still to come. */
  readonly upTo?: number;
}

/** Items, and the id up to which the list knows all of them: 0 where the items have no rising ids. */
export interface KnownItems<T> {
  readonly items: readonly T[];
  readonly upTo: number;
}

export interface OwnListParts<T> {
  readonly asking: Asking;
  readonly notices: Notices;
  readonly page: (cursor: string | undefined) => Promise<Page<T>>;
  readonly isAbout: (push: PushFrame) => boolean;
  /** The items after an event. The same object where nothing has changed; undefined: the list has to be read again. */
  readonly after: (known: KnownItems<T>, push: PushFrame) => KnownItems<T> | undefined;
  /** Called with what was read, before it is shown. */
  readonly onRead?: (items: readonly T[], pushes: readonly PushFrame[]) => void;
  readonly onChange?: (list: OwnItems<T>) => void;
  readonly max: number;
}

type Kept<T> = OwnItems<T> & KnownItems<T>;

const NOTHING: Kept<never> = { items: [], upTo: 0, isWhole: false, state: "loading" };

/** A list of the user's own that is read when somebody subscribes, from the first page to the last, and kept up to date from then on. */
export class OwnList<T> {
  readonly #parts: OwnListParts<T>;
  readonly #topics: Topics<"list">;
  #list: Kept<T> = NOTHING;
  /** The newest reading: the results of earlier ones are ignored. */
  #turn = 0;
  #isReading = false;
  /** The list lacks something until it has been read again. */
  #isStale = true;

  readonly view: View<OwnItems<T>>;

  constructor(parts: OwnListParts<T>) {
    this.#parts = parts;
    this.#topics = new Topics(parts.notices, () => this.#readIfStale());
    this.view = this.#topics.view("list", () => this.#list);
  }

  get items(): readonly T[] {
    return this.#list.items;
  }

  get isWhole(): boolean {
    return this.#list.isWhole && this.#list.state === "ready";
  }

  push(push: PushFrame): void {
    if (this.#list.state !== "ready" || !this.#parts.isAbout(push)) return;
    const known = this.#parts.after(this.#list, push);
    if (!known) this.missed();
    else if (known !== this.#list) this.#show({ ...this.#list, items: known.items, upTo: known.upTo });
  }

  change(items: readonly T[]): void {
    if (items !== this.#list.items) this.#show({ ...this.#list, items });
  }

  /** The list is read again: at once if somebody subscribes to it, otherwise when somebody does. */
  missed(): void {
    this.#isStale = true;
    this.#turn += 1;
    this.#isReading = false;
    this.#readIfStale();
  }

  live(): void {
    this.#readIfStale();
  }

  clear(): void {
    this.#show(NOTHING);
    this.missed();
  }

  #readIfStale(): void {
    if (this.#isStale && !this.#isReading && this.#topics.isUsed("list")) void this.#read();
  }

  async #read(): Promise<void> {
    const { asking, notices, isAbout, after, onRead } = this.#parts;
    this.#turn += 1;
    this.#isReading = true;
    const turn = this.#turn;
    const since = await asking.untilItWorks(() => asking.with(isAbout, () => this.#pages())).catch(() => undefined);
    if (turn !== this.#turn) return;
    this.#isReading = false;
    notices.run(() => {
      if (!since) return this.#show({ ...this.#list, state: "refused" });
      const { reply, pushes } = since;
      this.#isStale = false;
      onRead?.(reply.items, pushes);
      let known: KnownItems<T> | undefined = reply;
      for (const push of pushes) known = known && after(known, push);
      this.#show({ ...reply, ...(known && { items: known.items, upTo: known.upTo }), state: "ready" });
      if (!known) this.missed();
    });
  }

  async #pages(): Promise<KnownItems<T> & { isWhole: boolean }> {
    const { page, max } = this.#parts;
    const items: T[] = [];
    let upTo: number | undefined;
    for (let cursor: string | undefined; items.length < max; ) {
      const reply: Page<T> = await page(cursor);
      items.push(...reply.items);
      upTo ??= reply.upTo ?? 0;
      if (reply.nextCursor === null) return { items, upTo, isWhole: true };
      cursor = reply.nextCursor;
    }
    return { items: items.slice(0, max), upTo: upTo ?? 0, isWhole: false };
  }

  #show(list: Kept<T>): void {
    if (list === this.#list) return;
    this.#list = list;
    this.#topics.tell("list");
    this.#parts.onChange?.(list);
  }
}
