import { HALL_ROOM_ID } from "@parley/protocol";
import type { Person, TestServer } from "../harness.ts";
import type { SeenFrame } from "../live-client.ts";
import { type ClientState, readState } from "./client-state.ts";
import { differences } from "./differences.ts";
import { followByPolling, LiveFollower, type Withheld } from "./follow.ts";

/** What no event tells, by CUR-12: the number of people, which is the hall's number of members. */
const UNTOLD = new Set([
  `rooms.${HALL_ROOM_ID}.room.memberCount`,
  // Where the log stood at the reading.
  "notices.upTo",
]);

export interface Act {
  readonly server: TestServer;
  /** Devices that look on: of who acts, of members, of newcomers, of strangers. */
  readonly watchers: readonly Person[];
  readonly act: () => Promise<unknown>;
  /** Frames that the reply does not wait for: who gets them on a connection, and which they are. */
  readonly late?: { readonly watchers: readonly Person[]; readonly is: (frame: SeenFrame) => boolean } | undefined;
  /** To prove that the comparison can fail. */
  readonly withheld?: Withheld;
}

/**
 * Plays a command and proves that events suffice: each watcher's state before it, with the events applied that came after
 * it, is what they read afterwards, both on a live connection and by polling. Nothing but `UNTOLD` may differ.
 * @throws Error with a line for each difference
 */
export async function eventsSuffice({ server, watchers, act, late, withheld = () => false }: Act): Promise<void> {
  const before = await Promise.all(
    watchers.map(async (person) => {
      const known = await readState(person.api);
      if (!known) throw new Error(`${person.name} is signed out before anything was done`);
      return { person, known, live: await LiveFollower.start(server, person, { ...known, withheld }) };
    }),
  );
  await act();
  const lines = await Promise.all(
    before.map(async ({ person, known, live }) => {
      const heard = await live.finish(late?.watchers.includes(person) ? late.is : undefined);
      const polled = await followByPolling(person.api, { ...known, withheld });
      const rooms = [...roomsOf(known.state), ...roomsOf(heard), ...roomsOf(polled)];
      const after = (await readState(person.api, rooms))?.state;
      return [
        ...differences(after, heard, UNTOLD).map((line) => `${person.name}, live: ${line}`),
        ...differences(after, polled, UNTOLD).map((line) => `${person.name}, polling: ${line}`),
      ];
    }),
  );
  const all = lines.flat();
  if (all.length > 0) throw new Error(`events do not suffice:\n${all.join("\n")}`);
}

function roomsOf(state: ClientState | undefined): number[] {
  return Object.keys(state?.rooms ?? {}).map(Number);
}
