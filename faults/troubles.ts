import { monotonicMs } from "./monotonic-clock.ts";

/** What can be wrong with a server or with its way to the services that it needs. */
export type TroubleKind = "down" | "stopped" | "no database" | "slow database" | "no bus";

/** Something that was wrong with one server, and how long. Times are those of `monotonic-clock.ts`. */
export interface Trouble {
  readonly node: number;
  readonly kind: TroubleKind;
  readonly from: number;
  readonly to: number;
}

/** After a trouble a server gets what it has missed: it looks at the log's end and tells of its people at least so often. */
export const SETTLED_MS = 6_000;

/** Which server had which trouble when. */
export class Troubles {
  readonly #all: { node: number; kind: TroubleKind; from: number; to: number }[] = [];

  /** @returns what ends it */
  begin(nodes: readonly number[], kind: TroubleKind): () => void {
    const begun = nodes.map((node) => ({ node, kind, from: monotonicMs(), to: Number.POSITIVE_INFINITY }));
    this.#all.push(...begun);
    return () => {
      for (const trouble of begun) trouble.to = monotonicMs();
    };
  }

  get all(): readonly Trouble[] {
    return this.#all;
  }
}

/** Whether a server had a trouble, or had not got over one, at some moment between these. */
export function wasTroubled(
  troubles: readonly Trouble[],
  node: number,
  { from, to, settledMs = SETTLED_MS }: { from: number; to: number; settledMs?: number },
): boolean {
  return troubles.some((one) => one.node === node && one.from <= to && one.to + settledMs >= from);
}

/** Whether something is wrong with any of them, or was until a moment ago. */
export function areTroubled(troubles: readonly Trouble[]): boolean {
  const now = monotonicMs();
  return troubles.some(({ from, to }) => from <= now && to + SETTLED_MS >= now);
}
