import { editDistance } from "../lib/edit-distance.ts";
import type { Env } from "./env.ts";

/** Names in the environment that look like misspelt names of ours, as sentences. They are only warned about. */
export function likelyTypos(env: Env, known: readonly string[]): string[] {
  const ours = new Set(known);
  return Object.keys(env).flatMap((name) => {
    if (ours.has(name) || !/^[A-Z0-9_-]+$/i.test(name)) return [];
    const written = name.toUpperCase().replace(/^PARLEY_/, "");
    const meant = known.find((one) => editDistance(written, one) <= allowance(one));
    return meant === undefined || env[meant] !== undefined ? [] : [`${name} is not a setting; is ${meant} meant?`];
  });
}

/** Short names have neighbours that mean something else: HOME is two letters from HOST. */
function allowance(name: string): number {
  return name.length < 7 ? 1 : 2;
}
