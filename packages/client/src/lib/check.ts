/** @throws TypeError that names the argument and what is wanted */
export function check(isRight: unknown, name: string, wanted: string): void {
  if (!isRight) throw new TypeError(`\`${name}\` has to be ${wanted}`);
}
