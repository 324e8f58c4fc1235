/**
 * A pure function that remembers its results, at most `most` of them; the one that was computed first goes first. For what every request
 * asks again, such as what an address means.
 */
export function memoized<A extends string | number, R>(compute: (argument: A) => R, most: number): (argument: A) => R {
  const known = new Map<A, { readonly result: R }>();
  return (argument) => {
    const found = known.get(argument);
    if (found) return found.result;
    const result = compute(argument);
    if (known.size >= most) known.delete(known.keys().next().value as A);
    known.set(argument, { result });
    return result;
  };
}
