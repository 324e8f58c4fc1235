import { el, svgPath } from "./dom.ts";

/** Two bubbles; the same as in `icon.svg`. */
const BUBBLES =
  "M3 3h12a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2H8l-4 3.5V14H3a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2z" +
  "M19 8h2a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-1v3.5L16 19h-5a2 2 0 0 1-1.8-1.2L11.5 16H15a4 4 0 0 0 4-4z";

export function logo(): Element {
  const mark = svgPath({ d: BUBBLES, size: 24 });
  mark.classList.add("logo");
  return mark;
}

/** Name and sign, as a heading. */
export function brand(says?: string): HTMLElement {
  return el("header", { class: "brand" }, el("h1", {}, logo(), "Parley"), says !== undefined && el("p", {}, says));
}
