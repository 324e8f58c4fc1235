/**
 * Whether the key that was pressed belongs to an input method, in which people choose or drop what they compose by Enter, Tab and Escape. Safari
 * has ended the composition when it tells of the key that confirmed it, and says by the code 229 that the key was the input method's.
 */
export function isComposing(event: Event): boolean {
  const { isComposing, keyCode } = event as KeyboardEvent;
  return isComposing || keyCode === 229;
}
