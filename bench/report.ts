import { cpus, totalmem } from "node:os";
import type { Figure } from "./rounds.ts";

/** Prints rows of text as a table that is also Markdown, so it can go into a document as it is. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)].join("\n");
}

/** The median and its spread: `1.23 (1.20–1.31)`. */
export function shown(figure: Figure, digits = 2): string {
  const text = (value: number) => value.toFixed(digits);
  return `${text(figure.median)} (${text(figure.min)}–${text(figure.max)})`;
}

/** How the medians of two subjects compare: `0.97 ×`. */
export function ratio(ours: Figure, reference: Figure): string {
  return `${(ours.median / reference.median).toFixed(2)} ×`;
}

export function machine(): string {
  const model = cpus()[0]?.model ?? "unknown processor";
  return `${cpus().length} × ${model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Bun ${Bun.version}`;
}
