/**
 * Writes docs/limits.md from the server's table of limits:
 *
 *   node_modules/.bin/bun tools/limits-doc.ts
 *
 * A check compares the file with what the table says now.
 */
import { join } from "node:path";
import { ERRORS } from "../packages/protocol/src/index.ts";
import { CAPS } from "../packages/server/src/limits/caps.ts";
import { CONNECTION_RATES, LOCAL_RATES, SHARED_RATES } from "../packages/server/src/limits/limits.ts";
import type { BoundRow, RateRow, Refusal } from "../packages/server/src/limits/row.ts";
import { SIZES } from "../packages/server/src/limits/sizes.ts";
import { STORED_RATES } from "../packages/server/src/limits/stored-rates.ts";
import { ROOT } from "./sources.ts";

const LIMITS_DOC = "docs/limits.md";

const HEAD = `# Limits

Everything that is bounded, what a client meets beyond it, and the setting that changes it. Made by \`tools/limits-doc.ts\` out of
the tables in \`packages/server/src/limits\`; do not change it by hand.

An address is an IPv4 address or the /64 of an IPv6 address, a network the /48 of an IPv6 address. A refusal that says when to come back has \`Retry-After\`, in whole seconds.
Close codes are those of [SPEC.md](../packages/protocol/SPEC.md).
`;

/** The expected text of docs/limits.md. */
export function limitsDocument(): string {
  return [
    HEAD,
    section(
      "Rates",
      "How often something may happen. `RATE_LIMITS=off` lifts those of people and addresses, except where it says always. Where several processes serve, what is counted by a thing and its process is counted by each of them alone: together they let as many times more pass as there are processes. All others hold for all processes together: the database counts, or they tell each other within a second. Sign-ins, new accounts, passwords and QR codes are counted by a supervisor for the processes of a machine and, with `REDIS_URL`, for all nodes; without it nodes count them alone.",
      [...rates(LOCAL_RATES, ofProcess), ...rates(STORED_RATES), ...rates(SHARED_RATES), ...rates(CONNECTION_RATES)],
    ),
    section(
      "Caps",
      "How much there may be at once. Nothing lifts them. Where several processes serve, each has its own of what is counted by the process.",
      bounds(CAPS),
    ),
    section("Sizes", "How large one thing may be. Nothing lifts them.", bounds(SIZES)),
  ].join("\n");
}

function section(title: string, text: string, rows: readonly string[]): string {
  const head = "| limit | counts | by | number | beyond it | setting |\n|---|---|---|---|---|---|";
  return `## ${title}\n\n${text}\n\n${head}\n${rows.join("\n")}\n`;
}

/** What is counted by each process alone. */
const ofProcess = ({ told, by }: RateRow) => (told ? by : `${by} and process`);

function rates(rows: Readonly<Record<string, RateRow>>, countedBy = ({ by }: RateRow): string => by): string[] {
  return Object.entries(rows).map(([id, row]) => {
    const rate = `${grouped(row.count)} in ${duration(row.windowMs)}`;
    const number = [rate, row.burst && `${grouped(row.burst)} at once`, row.always && "always"]
      .filter(Boolean)
      .join(", ");
    return line([
      `\`${id}\``,
      row.counts,
      countedBy(row),
      number,
      beyond(row.refusal),
      row.setting ? `\`${row.setting}\`` : "",
    ]);
  });
}

function bounds(rows: Readonly<Record<string, BoundRow>>): string[] {
  return Object.entries(rows).map(([id, row]) => {
    const number = row.unit ? `${grouped(row.count)} ${row.unit}` : grouped(row.count);
    return line([
      `\`${id}\``,
      row.counts,
      row.ofProcess ? `${row.by} and process` : row.by,
      number,
      beyond(row.refusal),
      row.setting ? `\`${row.setting}\`` : "",
    ]);
  });
}

function beyond(refusal: Refusal): string {
  if ("silently" in refusal) return refusal.silently;
  if ("code" in refusal) return `${ERRORS[refusal.code].status} \`${refusal.code}\``;
  return `closed with ${refusal.close}`;
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function duration(ms: number): string {
  for (const [unit, length] of [
    ["day", 86_400_000],
    ["hour", 3_600_000],
    ["minute", 60_000],
  ] as const) {
    if (ms % length === 0) return ms === length ? `a ${unit}` : `${ms / length} ${unit}s`;
  }
  return ms === 1000 ? "a second" : `${ms / 1000} seconds`;
}

/** 1000 as 1 000. */
function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, " ");
}

/** The document says what the table says. */
export async function limitsDocCheck(): Promise<string[]> {
  const file = Bun.file(join(ROOT, LIMITS_DOC));
  const written = (await file.exists()) ? await file.text() : "";
  if (written === limitsDocument()) return [];
  return [`${LIMITS_DOC} is not what the table of limits says: run node_modules/.bin/bun tools/limits-doc.ts`];
}

if (import.meta.main) await Bun.write(join(ROOT, LIMITS_DOC), limitsDocument());
