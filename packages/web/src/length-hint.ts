import { el } from "./dom.ts";

/** So many characters before the end, and at most an eighth of all, the rest is counted. */
const COUNT_FROM = 200;

/** Where a text says how much of it is left, or that it is too long. A field that has this hint cuts nothing that is pasted into it. */
export function lengthHint(id: string): HTMLElement {
  return el("p", { id, class: "left", "aria-live": "polite" });
}

/** @param most characters, without the space around the text */
export function showLength(hint: HTMLElement, text: string, most: number): { isEmpty: boolean; isOver: boolean } {
  const length = [...text.trim()].length;
  const left = most - length;
  hint.textContent = lengthText(left, most);
  hint.classList.toggle("over", left < 0);
  return { isEmpty: length === 0, isOver: left < 0 };
}

/** Pure. */
export function lengthText(left: number, most: number): string {
  if (left >= Math.min(COUNT_FROM, most / 8)) return "";
  const count = `${Math.abs(left)} ${Math.abs(left) === 1 ? "character" : "characters"}`;
  return left < 0 ? `Too long by ${count}` : `${count} left`;
}
