/** No address begins so. */
const PREFIX = "key ";

/** Whose turn it is, at the writer and where much is read: all that is asked for with one server key waits in one line. */
export function turnOf({ id }: { readonly id: number }): string {
  return `${PREFIX}${id}`;
}

/** Whether a turn is a server key's, and not a person's (a number) or an address's. */
export function isTurnOfKey(who: number | string): boolean {
  return typeof who === "string" && who.startsWith(PREFIX);
}
