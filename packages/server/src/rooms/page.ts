/** Cuts a list that was read one longer than asked. */
export function cut<T>(rows: readonly T[], limit: number, cursorOf: (last: T) => number) {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? String(cursorOf(last)) : null };
}
