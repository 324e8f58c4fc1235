/** Milliseconds since the process began, with fractions. It never jumps, so durations and deadlines are measured with it. */
export function uptimeMs(): number {
  return performance.now();
}

/** Milliseconds of work that the calling thread has done so far, without what it has waited for. */
export function workedMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
