/** Runs what undoes a start, last to first. Each is tried; failures are thrown at the end. */
export async function undoAll(stops: (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const stop of stops.splice(0).reverse()) {
    try {
      await stop();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 1) throw new AggregateError(failures, "several steps of the stop failed");
  if (failures.length > 0) throw failures[0];
}
