import { el } from "./dom.ts";
import type { HallMessage } from "./hall-messages.ts";
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
}

export interface RowActions {
  recall(messageId: number): void;
  sendAgain(clientId: string): void;
  discard(clientId: string): void;
}

/** Messages of one person within this time stand together. */
const TOGETHER_MS = 5 * 60_000;

/** Pure. */
export function belongsTogether(before: HallMessage | undefined, message: HallMessage): boolean {
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
  readonly message: HallMessage;
}

/** Pure. Two such rows look the same, so the older element can stay. Asked for each row at each drawing, so no text is looked at. */
export function looksSame(a: DrawnRow, b: DrawnRow): boolean {
  return (Object.keys(a) as (keyof DrawnRow)[]).every((key) => a[key] === b[key]);
}

export function messageRow(row: DrawnRow, actions: RowActions): HTMLElement {
  const { message, own, first, day, name } = row;
  const separator = day !== undefined && el("p", { class: "day" }, el("span", {}, day));
  if (message.kind === "notice")
    return el("li", { class: "row" }, separator, el("p", { class: "notice" }, message.text));
  const shownName = name ?? "…";
  const classes = ["row", own && "own", first && "first", message.delivery !== "sent" && message.delivery];
  return el(
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
        first && el("p", { class: own ? "author visually-hidden" : "author" }, own ? "You" : shownName),
        el("div", { class: "line" }, bubble(row), ...besideBubble(row, actions)),
        message.delivery === "failed" && failure(message, actions),
      ),
    ),
  );
}

function bubble({ message, own }: DrawnRow): HTMLElement {
  if (message.kind === "text") return el("p", { class: "bubble", dir: "auto" }, message.text);
  const mine = message.kind === "recalled" && own && message.recalledBy === message.uid;
  return el("p", { class: "bubble gone" }, mine ? "You recalled this message" : message.text);
}

function besideBubble({ message, canRecall }: DrawnRow, actions: RowActions): (HTMLElement | false)[] {
  const { id, sentAt, delivery } = message;
  const when = delivery === "sending" ? "Sending…" : timeOf(sentAt);
  return [
    delivery !== "failed" && el("time", { datetime: new Date(sentAt).toISOString(), title: fullTimeOf(sentAt) }, when),
    canRecall &&
      id !== undefined &&
      el("button", { type: "button", class: "quiet recall", onclick: () => actions.recall(id) }, "Recall"),
  ];
}

function failure({ clientId, error }: HallMessage, actions: RowActions): HTMLElement {
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

function avatar(name: string, uid: number): HTMLElement {
  const initial = [...name.trim()][0]?.toLocaleUpperCase() ?? "?";
  return el("span", { class: `avatar hue-${uid % HUES}`, "aria-hidden": "true" }, initial);
}

/** Number of `hue-` classes in the stylesheet. */
const HUES = 8;
