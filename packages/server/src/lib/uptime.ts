/** Milliseconds since the process began, with fractions. It never jumps, so durations and deadlines are measured with it. */
export function uptimeMs(): number {
  return performance.now();
}
