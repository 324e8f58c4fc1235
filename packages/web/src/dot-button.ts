import { el } from "./dom.ts";
import { countText } from "./room-list.ts";

/** A button that leads to a list, with a red dot for what is new there. */
export function dotButton(label: string, onclick: () => void): { node: HTMLElement; count(news: number): void } {
  const dot = el("span", { class: "dot" });
  const node = el("button", { type: "button", class: "secondary wide with-dot", onclick }, label, dot);
  dot.hidden = true;
  return {
    node,
    count(news) {
      dot.hidden = news === 0;
      dot.textContent = countText(news);
    },
  };
}
