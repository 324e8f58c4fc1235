/** A page's workers, which do what a test says. */
export class FakeWorker {
  static made: FakeWorker[] = [];
  static forbidden = false;
  readonly got: unknown[] = [];
  isTerminated = false;
  onmessage: ((event: unknown) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;

  private static looking: (() => void)[] = [];

  /** Resolves when this many have been made, with the last of them. */
  static nth(count: number): Promise<FakeWorker> {
    const { promise, resolve } = Promise.withResolvers<FakeWorker>();
    const look = () => {
      // This comes after the code that made the worker, which has to listen first.
      if (FakeWorker.made.length >= count) queueMicrotask(() => resolve(FakeWorker.made[count - 1] as FakeWorker));
    };
    FakeWorker.looking.push(look);
    look();
    return promise;
  }

  /** Replaces the platform's class. @returns the function that ends it */
  static install(): () => void {
    const { Worker } = globalThis;
    Object.assign(globalThis, { Worker: FakeWorker });
    FakeWorker.made = [];
    FakeWorker.forbidden = false;
    return () => void Object.assign(globalThis, { Worker });
  }

  constructor(readonly url: string) {
    if (FakeWorker.forbidden) throw new Error("the page's policy");
    FakeWorker.made.push(this);
    for (const look of FakeWorker.looking) look();
  }
  postMessage(message: unknown): void {
    this.got.push(message);
  }
  terminate(): void {
    this.isTerminated = true;
  }
}
