/** Cuts a list that was read with one item more than requested. */
export function cut<T>(rows: readonly T[], limit: number, cursorOf: (last: T) => number) {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? String(cursorOf(last)) : null };
}
