/**
 * A text of a request that is looked for. No text that is stored has a 0 byte, and PostgreSQL refuses to compare with one: what has one is
 * something else that is not there either.
 */
export function withoutZero(text: string): string {
  return text.replaceAll("\0", "\ufffd");
}
