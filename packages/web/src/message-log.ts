import { arrange, el } from "./dom.ts";
import type { HallMessage } from "./hall-messages.ts";
import { belongsTogether, type DrawnRow, looksSame, messageRow, type RowActions } from "./message-row.ts";
import { dayOf } from "./times.ts";

export interface LogContext {
  readonly me: number;
  /** Epoch milliseconds. */
  readonly now: number;
  nameOf(uid: number): string | undefined;
  canRecall(message: HallMessage): boolean;
}

/** So near the end counts as being there. */
const END_PX = 48;

/**
 * The scrolling list of messages. A person who is at its end stays there when new ones come; a person who reads further up
 * stays where they are, and is told how many are below.
 */
export class MessageLog {
  readonly node: HTMLElement;
  readonly #actions: RowActions;
  readonly #rows = new Map<string, { drawn: DrawnRow; node: HTMLElement }>();
  readonly #list = el("ol", { class: "messages" });
  readonly #empty = el("p", { class: "empty" }, "Nobody has written anything yet.");
  readonly #older: HTMLButtonElement;
  readonly #scroller: HTMLElement;
  readonly #toEnd = el("button", { type: "button", class: "to-end", onclick: () => this.scrollToEnd() });
  readonly #resized: ResizeObserver;
  #atEnd = true;
  #firstKey: string | undefined;
  #lastKey: string | undefined;
  /** The last message that was there while the end was in view. */
  #seenKey: string | undefined;

  constructor({ actions, showOlder }: { actions: RowActions; showOlder: () => void }) {
    this.#actions = actions;
    this.#older = el("button", { type: "button", class: "quiet older", onclick: showOlder }, "Show earlier messages");
    this.#scroller = el("div", {
      class: "scroller",
      role: "log",
      "aria-label": "Messages",
      tabindex: 0,
      onscroll: () => this.#scrolled(),
    });
    this.#scroller.append(this.#older, this.#empty, this.#list);
    this.node = el("div", { class: "log" }, this.#scroller, this.#toEnd);
    this.#older.hidden = true;
    this.#empty.hidden = true;
    this.#toEnd.hidden = true;
    // A keyboard that opens, or a picture that loads, must not hide the end.
    this.#resized = new ResizeObserver(() => this.#atEnd && this.scrollToEnd());
    this.#resized.observe(this.#scroller);
  }

  get atEnd(): boolean {
    return this.#atEnd;
  }

  stop(): void {
    this.#resized.disconnect();
  }

  scrollToEnd(): void {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#scrolled();
  }

  render(messages: readonly HallMessage[], context: LogContext & { hasOlder: boolean; loaded: boolean }): void {
    const fromEnd = this.#scroller.scrollHeight - this.#scroller.scrollTop;
    const grewAbove = this.#firstKey !== undefined && messages[0]?.key !== this.#firstKey;
    const rows = messages.map((message, at) => this.#row(message, messages[at - 1], context));
    arrange(this.#list, rows);
    this.#lastKey = messages.at(-1)?.key;
    const keys = new Set(messages.map(({ key }) => key));
    for (const key of this.#rows.keys()) if (!keys.has(key)) this.#rows.delete(key);
    this.#older.hidden = !context.hasOlder;
    this.#empty.hidden = !context.loaded || messages.length > 0;
    if (this.#atEnd) this.scrollToEnd();
    else if (grewAbove) this.#scroller.scrollTop = this.#scroller.scrollHeight - fromEnd;
    this.#firstKey = messages[0]?.key;
    this.#tellBelow(messages, context.me);
  }

  #row(message: HallMessage, before: HallMessage | undefined, context: LogContext): HTMLElement {
    const { me, now } = context;
    const day = dayOf(message.sentAt, now);
    const drawn = {
      message,
      name: context.nameOf(message.uid),
      own: message.uid === me,
      first: !belongsTogether(before, message),
      day: before === undefined || dayOf(before.sentAt, now) !== day ? day : undefined,
      canRecall: context.canRecall(message),
    };
    const old = this.#rows.get(message.key);
    if (old && looksSame(old.drawn, drawn)) return old.node;
    const node = messageRow(drawn, this.#actions);
    this.#rows.set(message.key, { drawn, node });
    return node;
  }

  #tellBelow(messages: readonly HallMessage[], me: number): void {
    const seenAt = messages.findLastIndex(({ key }) => key === this.#seenKey);
    const below = messages.slice(seenAt + 1).filter(({ uid }) => uid !== me).length;
    this.#toEnd.hidden = this.#atEnd;
    this.#toEnd.textContent = below === 0 ? "↓ Newest" : below === 1 ? "↓ 1 new message" : `↓ ${below} new messages`;
  }

  #scrolled(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < END_PX;
    this.#toEnd.hidden = this.#atEnd;
    if (this.#atEnd) this.#seenKey = this.#lastKey;
  }
}
