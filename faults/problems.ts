/** What is wrong, by kind: how often it occurred, and the first few cases of each. */
export class Problems {
  readonly #kinds = new Map<string, { count: number; examples: string[] }>();
  static readonly examples = 8;

  add(kind: string, example: string, count = 1): void {
    if (count === 0) return;
    const found = this.#kinds.get(kind) ?? { count: 0, examples: [] };
    this.#kinds.set(kind, found);
    found.count += count;
    if (found.examples.length < Problems.examples) found.examples.push(example);
  }

  addAll(other: Problems): void {
    for (const [kind, { count, examples }] of other.#kinds) {
      for (const [i, example] of examples.entries()) this.add(kind, example, i === 0 ? count - examples.length + 1 : 1);
    }
  }

  count(kind: string): number {
    return this.#kinds.get(kind)?.count ?? 0;
  }

  get kinds(): string[] {
    return [...this.#kinds.keys()];
  }

  get lines(): string[] {
    return [...this.#kinds].map(([kind, { count, examples }]) => `${kind}: ${count} (${examples.join("; ")})`);
  }
}
