/** One figure over all rounds. */
export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Lets each subject have its turn, one after another, `rounds` times over, so that what disturbs the machine meanwhile
 * disturbs all of them. The first turn of each warms it up and does not count.
 * @returns the figures of each subject, by its name
 */
export async function takeTurns<Names extends string, Sample extends Record<string, number>>(
  subjects: Readonly<Record<Names, () => Promise<Sample>>>,
  rounds: number,
): Promise<Record<Names, Record<keyof Sample, Figure>>> {
  const names = Object.keys(subjects) as Names[];
  const samples = new Map<Names, Sample[]>(names.map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const sample = await subjects[name]();
      if (round > 0) samples.get(name)?.push(sample);
    }
  }
  return Object.fromEntries(names.map((name) => [name, figuresOf(samples.get(name) ?? [])])) as never;
}

/** The figures of samples that were taken one by one. */
export function figuresOf<Sample extends Record<string, number>>(
  samples: readonly Sample[],
): Record<keyof Sample, Figure> {
  const first = samples[0];
  if (!first) throw new Error("nothing was measured");
  const keys = Object.keys(first) as (keyof Sample)[];
  return Object.fromEntries(keys.map((key) => [key, figure(samples.map((sample) => sample[key] as number))])) as never;
}

export function figure(values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1
      ? (sorted[middle] as number)
      : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
  return { median, min: sorted[0] as number, max: sorted.at(-1) as number };
}
