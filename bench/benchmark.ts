/** Something that `npm run bench` runs by name. */
export interface Benchmark {
  readonly name: string;
  /** One line for the list. */
  readonly about: string;
  run(options: BenchOptions): Promise<void>;
}

export interface BenchOptions {
  /** How often each subject has its turn. */
  readonly rounds: number;
  /** One part of the benchmark, by the name that its output shows. */
  readonly only: string | undefined;
}
