import type { Report } from "./report.ts";

/** The figures of several runs together. */
export interface Sums {
  readonly runs: number;
  /** How many of them failed. */
  readonly failed: number;
  readonly seeds: readonly (number | string)[];
  readonly commits: readonly (number | string)[];
  /** What failed, with the seed. */
  readonly failures: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

/** Figures that say how long something took at most; all others are counts. */
const LONGEST = /^(longest|caught up|nobody online)/;
const NO_COUNTS = ["seed", "commit", "clients"];

/** @param sums of the runs before; undefined if there was none */
export function summed(sums: Sums | undefined, { figures, failures }: Report): Sums {
  const all: Record<string, number> = { ...sums?.figures };
  for (const [name, value] of Object.entries(figures)) {
    if (typeof value !== "number" || NO_COUNTS.includes(name)) continue;
    const before = all[name] ?? 0;
    all[name] = LONGEST.test(name) ? Math.max(before, value) : before + value;
  }
  const { seed = 0, commit = "" } = figures;
  return {
    runs: (sums?.runs ?? 0) + 1,
    failed: (sums?.failed ?? 0) + (failures.length > 0 ? 1 : 0),
    seeds: [...(sums?.seeds ?? []), seed],
    commits: [...new Set([...(sums?.commits ?? []), commit])],
    failures: [...(sums?.failures ?? []), ...failures.map((failure) => `seed ${seed}: ${failure}`)],
    figures: all,
  };
}

/** For docs/faults.md. */
export function table({ runs, failed, seeds, commits, figures }: Sums): string {
  const rows = Object.entries(figures).map(([name, value]) => `| ${name.trim()} | ${grouped(value)} |`);
  const head = [`| runs, of which failed | ${runs}, ${failed} |`, "|---|---|"];
  return [...head, `| seeds | ${seeds.join(", ")} |`, `| commit | ${commits.join(", ")} |`, ...rows].join("\n");
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, " ");
}
