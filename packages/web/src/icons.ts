import { svgPath } from "./dom.ts";

/** Drawn here, since not every machine has a font with such signs. */
const PATHS = {
  like: "M2 10h4v11H2zM8 10l4-8c2 0 3 1 3 3l-1 4h6c1.5 0 2.3 1 2 2.5l-1.6 7.5c-.3 1.2-1.2 2-2.4 2H8z",
  dislike: "M22 14h-4V3h4zM16 14l-4 8c-2 0-3-1-3-3l1-4H4c-1.5 0-2.3-1-2-2.5l1.6-7.5C3.9 3.8 4.8 3 6 3h10z",
  sent: "M3 12.5l2-2 4.5 4.5 9.5-9.5 2 2L9.5 19z",
  read: "M0 12.5l2-2 4.5 4.5L16 5.5l2 2L6.5 19zM22 5.5l2 2L12.5 19l-2-2z",
  pinned: "M9 2h6l-1 7 4 4v2h-5v7l-1 1-1-1v-7H6v-2l4-4z",
  muted: "M12 2a6 6 0 0 0-6 6v5l-2 3v1h16v-1l-2-3V8a6 6 0 0 0-6-6zM10 19h4a2 2 0 0 1-4 0zM3.5 2 22 20.5 20.5 22 2 3.5z",
} as const;

/** @param label what it says where no text beside it does */
export function icon(name: keyof typeof PATHS, label?: string): SVGSVGElement {
  const svg = svgPath({ d: PATHS[name], size: 24, ...(label !== undefined && { label }) });
  svg.classList.add("icon");
  return svg;
}
