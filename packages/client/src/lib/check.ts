/** @throws TypeError that names the argument and what is wanted */
export function check(isRight: unknown, name: string, wanted: string): void {
  if (!isRight) throw new TypeError(`\`${name}\` has to be ${wanted}`);
}

/** @throws TypeError where it is no id */
export function checkId(value: unknown, name: string, wanted: string): void {
  check(Number.isSafeInteger(value) && Number(value) > 0, name, wanted);
}
