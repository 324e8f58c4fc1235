import { arrange, el } from "./dom.ts";
import { belongsTogether, type DrawnRow, looksSame, messageRow, type RowActions } from "./message-row.ts";
import type { Receipt } from "./receipts.ts";
import type { ShownMessage } from "./shown-message.ts";
import { dayOf } from "./times.ts";

export interface LogContext {
  readonly me: number;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly canAnswer: boolean;
  readonly hasOlder: boolean;
  readonly hasNewer: boolean;
  readonly state: "loading" | "ready" | "refused";
  nameOf(uid: number): string | undefined;
  canRecall(message: ShownMessage): boolean;
  /** By message id. */
  readonly receipts: ReadonlyMap<number, Receipt>;
}

export interface LogParts {
  readonly actions: RowActions;
  readonly showOlder: () => void;
  readonly showNewer: () => void;
  /** The newest page, in the place of what is shown. */
  readonly showNewest: () => void;
}

/** So near the end counts as being there. */
const END_PX = 48;

/**
 * The scrolling list of messages. A person who is at its end stays there when new ones come; a person who reads further up
 * stays where they are, and is told how many are below.
 */
export class MessageLog {
  readonly node: HTMLElement;
  readonly #parts: LogParts;
  readonly #rows = new Map<string, { drawn: DrawnRow; node: HTMLElement }>();
  readonly #list = el("ol", { class: "messages" });
  readonly #empty = el("p", { class: "empty" });
  readonly #older: HTMLButtonElement;
  readonly #newer: HTMLButtonElement;
  readonly #scroller: HTMLElement;
  readonly #toEnd = el("button", { type: "button", class: "to-end", onclick: () => this.#goToEnd() });
  readonly #resized: ResizeObserver;
  #atEnd = true;
  #hasNewer = false;
  #keys: readonly string[] = [];
  /** The last message that was there while the end was in view. */
  #seenKey: string | undefined;
  /** A message to be shown once it is there. */
  #wanted: number | undefined;

  constructor(parts: LogParts) {
    this.#parts = parts;
    this.#older = el(
      "button",
      { type: "button", class: "quiet older", onclick: parts.showOlder },
      "Show earlier messages",
    );
    this.#newer = el(
      "button",
      { type: "button", class: "quiet older newer", onclick: parts.showNewer },
      "Show later messages",
    );
    this.#scroller = el("div", {
      class: "scroller",
      role: "log",
      "aria-label": "Messages",
      tabindex: 0,
      onscroll: () => this.#scrolled(),
    });
    this.#scroller.append(this.#older, this.#empty, this.#list, this.#newer);
    this.node = el("div", { class: "log" }, this.#scroller, this.#toEnd);
    for (const node of [this.#older, this.#newer, this.#empty, this.#toEnd]) node.hidden = true;
    // A keyboard that opens, or a picture that loads, must not hide the end.
    this.#resized = new ResizeObserver(() => this.#atEnd && this.scrollToEnd());
    this.#resized.observe(this.#scroller);
  }

  get atEnd(): boolean {
    return this.#atEnd && !this.#hasNewer;
  }

  stop(): void {
    this.#resized.disconnect();
  }

  /** Another room is shown: at its end. */
  begin(): void {
    this.#atEnd = true;
    this.#hasNewer = false;
    this.#seenKey = undefined;
    this.#wanted = undefined;
    this.#keys = [];
    this.#rows.clear();
    this.#list.replaceChildren();
  }

  scrollToEnd(): void {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#scrolled();
  }

  /** @returns whether the message is here. Else it is shown when it comes */
  goTo(messageId: number): boolean {
    const row = this.#list.querySelector(`[data-message-id="${messageId}"]`);
    this.#wanted = row ? undefined : messageId;
    if (!row) return false;
    this.#atEnd = false;
    row.scrollIntoView({ block: "center" });
    row.classList.add("found");
    row.addEventListener("animationend", () => row.classList.remove("found"), { once: true });
    this.#scrolled();
    return true;
  }

  render(messages: readonly ShownMessage[], context: LogContext): void {
    const keys = messages.map(({ key }) => key);
    const anchor = this.#atEnd ? undefined : this.#anchor(keys);
    const rows = messages.map((message, at) => this.#row(message, messages[at - 1], context));
    arrange(this.#list, rows);
    const kept = new Set(keys);
    for (const key of this.#rows.keys()) if (!kept.has(key)) this.#rows.delete(key);
    this.#keys = keys;
    this.#hasNewer = context.hasNewer;
    this.#older.hidden = !context.hasOlder || messages.length === 0;
    this.#newer.hidden = !context.hasNewer;
    this.#empty.hidden = context.state === "loading" || messages.length > 0;
    this.#empty.textContent =
      context.state === "refused" ? "These messages cannot be shown." : "Nobody has written anything yet.";
    if (this.#wanted !== undefined && this.goTo(this.#wanted)) return this.#tellBelow(messages, context.me);
    if (this.#atEnd && !context.hasNewer) this.scrollToEnd();
    else if (anchor) this.#scroller.scrollTop += anchor.node.offsetTop - anchor.top;
    this.#tellBelow(messages, context.me);
  }

  /** What is in view and stays: it must not move when something comes or goes above it. Nothing is measured where nothing does. */
  #anchor(keys: readonly string[]): { node: HTMLElement; top: number } | undefined {
    if (keys[0] === this.#keys[0]) return undefined;
    const stays = new Set(keys);
    const { scrollTop } = this.#scroller;
    for (const key of this.#keys) {
      const node = stays.has(key) ? this.#rows.get(key)?.node : undefined;
      if (node && node.offsetTop + node.offsetHeight > scrollTop) return { node, top: node.offsetTop };
    }
    return undefined;
  }

  #row(message: ShownMessage, before: ShownMessage | undefined, context: LogContext): HTMLElement {
    const { me, now } = context;
    const day = dayOf(message.sentAt, now);
    const own = message.uid === me;
    const receipt = message.id === undefined ? undefined : context.receipts.get(message.id);
    const drawn = {
      message,
      name: context.nameOf(message.uid),
      own,
      first: !belongsTogether(before, message),
      day: before === undefined || dayOf(before.sentAt, now) !== day ? day : undefined,
      canRecall: context.canRecall(message),
      canAnswer: context.canAnswer,
      forMe: !own && (message.mentions.includes(me) || message.mentions.includes(0)),
      receipt: receipt?.text,
      readers: receipt?.names,
    };
    const old = this.#rows.get(message.key);
    if (old && looksSame(old.drawn, drawn)) return old.node;
    const node = messageRow(drawn, this.#parts.actions);
    if (old) keepState(old.node, node);
    this.#rows.set(message.key, { drawn, node });
    return node;
  }

  #tellBelow(messages: readonly ShownMessage[], me: number): void {
    const seenAt = messages.findLastIndex(({ key }) => key === this.#seenKey);
    const below = messages.slice(seenAt + 1).filter(({ uid }) => uid !== me).length;
    this.#toEnd.hidden = this.atEnd;
    const isCounted = below > 0 && !this.#hasNewer;
    this.#toEnd.textContent = isCounted ? `↓ ${below} new ${below === 1 ? "message" : "messages"}` : "↓ Newest";
  }

  #goToEnd(): void {
    if (this.#hasNewer) {
      this.#atEnd = true;
      this.#parts.showNewest();
    } else this.scrollToEnd();
  }

  #scrolled(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < END_PX;
    this.#toEnd.hidden = this.atEnd;
    if (this.atEnd) this.#seenKey = this.#keys.at(-1);
  }
}

/** A row that is drawn anew keeps what the person had open and where they were in it. */
function keepState(old: HTMLElement, node: HTMLElement): void {
  const menu = node.querySelector(".menu");
  if (old.classList.contains("open") && menu) {
    node.classList.add("open");
    menu.setAttribute("aria-expanded", "true");
  }
  const focused = document.activeElement;
  if (!focused || !old.contains(focused)) return;
  const at = [...old.querySelectorAll("button")].indexOf(focused as HTMLButtonElement);
  queueMicrotask(() => node.querySelectorAll("button")[at]?.focus());
}
