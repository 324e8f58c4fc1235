import { nearest } from "./nearest.ts";

/** @throws TypeError that names the argument and what is wanted */
export function check(isRight: unknown, name: string, wanted: string): void {
  if (!isRight) throw new TypeError(`\`${name}\` has to be ${wanted}`);
}

/** @throws TypeError where it is no id */
export function checkId(value: unknown, name: string, wanted: string): void {
  check(Number.isSafeInteger(value) && Number(value) > 0, name, wanted);
}

/** A program that asks for a name that does not exist is told the one that it may have meant, or all. @throws TypeError */
export function checkName(name: string, known: readonly string[], wanted: string): void {
  if (known.includes(name)) return;
  const meant = nearest(String(name), known);
  check(false, name, meant ? `${wanted}; did you mean ${meant}?` : `${wanted}: ${known.join(", ")}`);
}
