/**
 * A pure function that remembers its results, at most `most` of them; the oldest result goes first. For questions that every request
 * repeats, such as how an address is read.
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
