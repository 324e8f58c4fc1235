import type { Memberships } from "./memberships.ts";
import type { Places } from "./places.ts";
import type { Problems } from "./problems.ts";
import type { Ranges } from "./ranges.ts";

const NOT_IN_HISTORY = "lost before a RESYNC";
const SHOWN = "shown, though the room hides it";

/** A message that a client did not get, and has to find over HTTP, or must not find there. */
export interface MissedMessage {
  readonly stream: string;
  readonly id: number;
  readonly isOpen: boolean;
}

/** What HTTP shows to one client at the end of the run. */
export interface Shown {
  /** By stream: the ids of the messages in the history, back to the first that was missed. */
  readonly history: Readonly<Record<string, readonly number[]>>;
  /** By id, for messages that are not in the history: the status of the reply to a request for the message itself. */
  readonly statuses: Readonly<Record<string, number>>;
}

/** The messages of these ranges. Whether a message may be seen follows from the reader's last membership in its room. */
export function missedMessages(
  missed: ReadonlyMap<string, Ranges>,
  { places, memberships }: { places: Places; memberships: Memberships },
): MissedMessage[] {
  const messages: MissedMessage[] = [];
  for (const [stream, { runs }] of missed) {
    const last = memberships.get(stream)?.at(-1);
    for (const [from, to] of runs) {
      for (let seq = from; seq <= to; seq++) {
        const id = places.messageAt(stream, seq);
        if (id === undefined) continue;
        const isOpen = !last || (seq >= last.historyFrom && seq <= (last.left?.seq ?? seq));
        messages.push({ stream, id, isOpen });
      }
    }
  }
  return messages;
}

/** @returns how many are in the history, and how many are closed */
export function checkHistory(
  missed: readonly MissedMessage[],
  { history, statuses }: Shown,
  { name, problems }: { name: string; problems: Problems },
): { open: number; closed: number } {
  const read = new Map(Object.entries(history).map(([stream, ids]) => [stream, new Set(ids)]));
  const counts = { open: 0, closed: 0 };
  for (const { stream, id, isOpen } of missed) {
    const isThere = read.get(stream)?.has(id) === true;
    if (isOpen && isThere) counts.open += 1;
    else if (isOpen) problems.add(NOT_IN_HISTORY, `${name} ${stream}: message ${id} is not in the history`);
    else if (!isThere && statuses[id] === 404) counts.closed += 1;
    else problems.add(SHOWN, `${name} ${stream}: message ${id}, ${isThere ? "in the history" : statuses[id]}`);
  }
  return counts;
}
