import { editDistance } from "../lib/edit-distance.ts";
import type { Env } from "./env.ts";

/** Names in the environment that look like misspelt names of ours, as sentences. They are only warned about. */
export function likelyTypos(env: Env, known: readonly string[]): string[] {
  const ours = new Set(known);
  return Object.keys(env).flatMap((name) => {
    if (ours.has(name) || !/^[A-Z0-9_-]+$/i.test(name)) return [];
    const written = name.toUpperCase().replace(/^PARLEY_/, "");
    const meant = ours.has(written) ? written : known.find((one) => editDistance(written, one) <= allowance(one));
    if (meant === undefined) return [];
    // Nothing else is called so, and what is said there is lost where the setting has another value.
    const isCertain = written === meant;
    return env[meant] !== undefined && !isCertain ? [] : [`${name} is not a setting; is ${meant} meant?`];
  });
}

/** Short names have neighbours that mean something else: HOME is two letters from HOST. */
function allowance(name: string): number {
  return name.length < 7 ? 1 : 2;
}
