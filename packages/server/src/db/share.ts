/**
 * The person to whom a write belongs, and its size, for the writer's queue (`write-queue.ts`). Each entry of the table of procedures says
 * both, from the input alone and without a promise, since it is asked for every write.
 */
export interface Share<I> {
  /** A person, or for work of people who are not signed in a text that tells them apart; undefined: the server's own. */
  readonly by: (input: I) => Whose;
  /** How many rows it writes, about: the log's too. */
  readonly rows: (input: I) => number;
}

export type Whose = number | string | undefined;

type Rows<I> = number | ((input: I) => number);

export function ofServer<I>(rows: Rows<I> = 1): Share<I> {
  return { by: () => undefined, rows: counter(rows) };
}

export function byActor<I extends { readonly actor: { readonly uid: number } }>(rows: Rows<I>): Share<I> {
  return { by: ({ actor }) => actor.uid, rows: counter(rows) };
}

/** For the person whom it is about, who usually asks for it; if somebody else does, such as a server key, `by` says who. */
export function byUid<I extends { readonly uid: number; readonly by?: string }>(rows: Rows<I>): Share<I> {
  return { by: ({ by, uid }) => by ?? uid, rows: counter(rows) };
}

/** For a server key, whose requests wait in one line. */
export function byKey<I extends { readonly by: string }>(rows: Rows<I>): Share<I> {
  return { by: ({ by }) => by, rows: counter(rows) };
}

export function byAddress<I extends { readonly ip: string }>(rows: Rows<I>): Share<I> {
  return { by: ({ ip }) => ip, rows: counter(rows) };
}

function counter<I>(rows: Rows<I>): (input: I) => number {
  return typeof rows === "number" ? () => rows : rows;
}
