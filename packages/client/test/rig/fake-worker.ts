/** Workers of a page, which do what a test says. */
export class FakeWorker {
  static made: FakeWorker[] = [];
  static forbidden = false;
  readonly got: unknown[] = [];
  isTerminated = false;
  onmessage: ((event: unknown) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;

  private static looking: (() => void)[] = [];

  /** Resolves when so many were made, with the last of them. */
  static nth(count: number): Promise<FakeWorker> {
    const { promise, resolve } = Promise.withResolvers<FakeWorker>();
    const look = () => {
      // Behind the one that made it, which has to listen first.
      if (FakeWorker.made.length >= count) queueMicrotask(() => resolve(FakeWorker.made[count - 1] as FakeWorker));
    };
    FakeWorker.looking.push(look);
    look();
    return promise;
  }

  /** In place of the platform's. @returns its end */
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
