import { avatar } from "./avatar.ts";
import { el } from "./dom.ts";
import { icon } from "./icons.ts";
import { linked } from "./links.ts";
import type { Quote, ShownMessage } from "./shown-message.ts";
import { dayOf, fullTimeOf, timeOf } from "./times.ts";

/** What a row shows beside its message. */
export interface RowContext {
  /** Undefined while it is being asked for. */
  readonly name: string | undefined;
  readonly own: boolean;
  /** First of several in a row by the same person: carries name and picture. */
  readonly first: boolean;
  /** A day that begins with this message. */
  readonly day: string | undefined;
  readonly canRecall: boolean;
  /** Somebody may answer it and like it. */
  readonly canAnswer: boolean;
  /** It mentions the person who looks. */
  readonly forMe: boolean;
  /** The line that says how many have read it, where that is shown; undefined: it is not. */
  readonly receipt: string | undefined;
  /** Their names, where there are several people. */
  readonly readers: string | undefined;
}

export interface RowActions {
  recall(messageId: number): void;
  reply(quote: Quote): void;
  mark(messageId: number, mark: "like" | "dislike", isMine: boolean): void;
  /** Shows the message that another one quotes. */
  goTo(messageId: number): void;
  sendAgain(clientId: string): void;
  discard(clientId: string): void;
}

/** Messages of one person within this time stand together. */
const TOGETHER_MS = 5 * 60_000;
/** Characters of a text that are shown at once: a page of very long ones would be slow to draw. */
const SHOWN_AT_ONCE = 1_000;
const QUOTED = 140;

/** Pure. */
export function belongsTogether(before: ShownMessage | undefined, message: ShownMessage): boolean {
  return (
    before !== undefined &&
    before.uid === message.uid &&
    before.kind !== "notice" &&
    message.kind !== "notice" &&
    message.sentAt - before.sentAt < TOGETHER_MS &&
    dayOf(before.sentAt, message.sentAt) === "Today"
  );
}

/** What a row is drawn from. A message that changes is another object. */
export interface DrawnRow extends RowContext {
  readonly message: ShownMessage;
}

/** Pure. Two such rows look the same, so the older element can stay. Asked for each row at each drawing, so no text is looked at. */
export function looksSame(a: DrawnRow, b: DrawnRow): boolean {
  return (Object.keys(a) as (keyof DrawnRow)[]).every((key) => a[key] === b[key]);
}

export function messageRow(row: DrawnRow, actions: RowActions): HTMLElement {
  const { message, own, first, day, name, forMe } = row;
  const separator = day !== undefined && el("p", { class: "day" }, el("span", {}, day));
  if (message.kind === "notice")
    return el("li", { class: "row" }, separator, el("p", { class: "notice" }, message.text));
  const shownName = name ?? "…";
  const classes = [
    "row",
    own && "own",
    first && "first",
    forMe && "for-me",
    message.delivery !== "sent" && message.delivery,
  ];
  const node: HTMLElement = el(
    "li",
    { class: classes.filter(Boolean).join(" "), "data-message-id": message.id },
    separator,
    el(
      "div",
      { class: "said" },
      !own && first && avatar(shownName, message.uid),
      el(
        "div",
        { class: "words" },
        first && el("p", { class: own ? "author visually-hidden" : "author", dir: "auto" }, own ? "You" : shownName),
        el("div", { class: "line" }, bubble(row, actions), ...besideBubble(row, actions, () => node)),
        marks(row, actions),
        receipt(row),
        message.delivery === "failed" && failure(message, actions),
      ),
    ),
  );
  return node;
}

function bubble({ message, own }: DrawnRow, actions: RowActions): HTMLElement {
  const { kind, text, quote } = message;
  if (kind !== "text") {
    const mine = kind === "recalled" && own && text === "The sender recalled this message";
    return el("p", { class: "bubble gone" }, mine ? "You recalled this message" : text);
  }
  const words = el("p", { class: "bubble", dir: "auto" }, quote !== null && quotation(quote, actions));
  const isLong = text.length > SHOWN_AT_ONCE;
  // Not within a pair that makes one character.
  const cut = text.charCodeAt(SHOWN_AT_ONCE - 1) >> 10 === 0x36 ? SHOWN_AT_ONCE - 1 : SHOWN_AT_ONCE;
  const shown = el("span", {}, ...(isLong ? [...linked(text, cut), "…"] : linked(text)));
  words.append(shown);
  if (isLong) {
    const all = () => {
      shown.replaceChildren(...linked(text));
      more.remove();
    };
    const more = el("button", { type: "button", class: "link more", onclick: all }, "Show all");
    words.append(more);
  }
  return words;
}

function quotation({ id, name, text }: Quote, actions: RowActions): HTMLElement {
  return el(
    "button",
    { type: "button", class: "quote", title: "Show this message", onclick: () => actions.goTo(id) },
    el("span", { class: "quote-name", dir: "auto" }, name),
    el("span", { class: "quote-text", dir: "auto" }, text.slice(0, QUOTED)),
  );
}

function besideBubble(row: DrawnRow, actions: RowActions, node: () => HTMLElement): (HTMLElement | false)[] {
  const { message, canRecall, canAnswer } = row;
  const { id, sentAt, delivery, kind } = message;
  const when = delivery === "sending" ? "Sending…" : timeOf(sentAt);
  const time = el("time", { datetime: new Date(sentAt).toISOString(), title: fullTimeOf(sentAt) }, when);
  if (id === undefined) return [delivery !== "failed" && time];
  const acts: HTMLElement[] = [];
  if (canAnswer && kind !== "recalled") acts.push(...answers(row, id, actions));
  if (canRecall) acts.push(act("Recall", "Recall", () => actions.recall(id)));
  if (acts.length === 0) return [time];
  const menu = el(
    "button",
    {
      type: "button",
      class: "quiet menu",
      "aria-label": "Message actions",
      "aria-expanded": "false",
      onclick: () => {
        const isOpen = node().classList.toggle("open");
        menu.setAttribute("aria-expanded", String(isOpen));
      },
    },
    "⋯",
  );
  return [el("span", { class: "beside" }, time, menu), el("span", { class: "acts" }, ...acts)];
}

function answers({ message, name, own }: DrawnRow, id: number, actions: RowActions): HTMLElement[] {
  const { mine } = message.marks;
  const quote = { id, name: own ? "You" : (name ?? "…"), text: message.text };
  return [
    act(icon("like"), mine === "like" ? "Remove like" : "Like", () => actions.mark(id, "like", mine === "like")),
    act(icon("dislike"), mine === "dislike" ? "Remove dislike" : "Dislike", () =>
      actions.mark(id, "dislike", mine === "dislike"),
    ),
    act("Reply", "Reply", () => actions.reply(quote)),
  ];
}

function act(sign: string | Element, says: string, run: () => void): HTMLElement {
  return el("button", { type: "button", class: "quiet act", "aria-label": says, title: says, onclick: run }, sign);
}

function marks({ message, canAnswer }: DrawnRow, actions: RowActions): HTMLElement | false {
  const { id } = message;
  const { likes, dislikes, mine } = message.marks;
  if (id === undefined || likes + dislikes === 0) return false;
  return el(
    "p",
    { class: "marks" },
    ...(["like", "dislike"] as const).flatMap((mark) => {
      const count = mark === "like" ? likes : dislikes;
      if (count === 0) return [];
      const label = `${count} ${mark}${count === 1 ? "" : "s"}${mine === mark ? ", including yours" : ""}`;
      const isOff = !canAnswer || message.kind === "recalled";
      return el(
        "button",
        {
          type: "button",
          class: mine === mark ? "mark mine" : "mark",
          "aria-label": label,
          "aria-pressed": String(mine === mark),
          disabled: isOff,
          onclick: () => actions.mark(id, mark, mine === mark),
        },
        icon(mark),
        ` ${count}`,
      );
    }),
  );
}

function receipt({ receipt: text, readers }: DrawnRow): HTMLElement | false {
  if (text === undefined) return false;
  const isRead = text !== "Sent";
  return el(
    "p",
    { class: isRead ? "receipt read" : "receipt", title: readers || undefined },
    icon(isRead ? "read" : "sent"),
    ` ${text}`,
  );
}

function failure({ clientId, error }: ShownMessage, actions: RowActions): HTMLElement {
  const id = clientId ?? "";
  return el(
    "p",
    { class: "failure", role: "alert" },
    `Not sent. ${error ?? ""} `,
    el("button", { type: "button", class: "link", onclick: () => actions.sendAgain(id) }, "Try again"),
    " ",
    el("button", { type: "button", class: "link", onclick: () => actions.discard(id) }, "Discard"),
  );
}
