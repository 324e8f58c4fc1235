import { el } from "./dom.ts";

/** Number of `hue-` classes in the stylesheet. */
const HUES = 8;

/** The first character of a name on a ground of its own colour. */
export function avatar(name: string, id: number): HTMLElement {
  const initial = [...name.trim()][0]?.toLocaleUpperCase() ?? "?";
  return el("span", { class: `avatar hue-${id % HUES}`, "aria-hidden": "true" }, initial);
}
