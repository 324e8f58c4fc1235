import { HALL_ROOM_ID } from "@parley/protocol";
import type { Person, TestServer } from "../harness.ts";
import type { SeenFrame } from "../live-client.ts";
import { type ClientState, readState } from "./client-state.ts";
import { differences } from "./differences.ts";
import { followByPolling, LiveFollower, type Withheld } from "./follow.ts";
import { WatchedStore } from "./watched-store.ts";

/** What no event says, by CUR-12: the number of people, which is the hall's number of members. */
const UNTOLD = new Set([`rooms.${HALL_ROOM_ID}.room.memberCount`]);

export interface Act {
  readonly server: TestServer;
  /** The devices that look on: those of the person who acts, of members, of newcomers, of strangers. */
  readonly watchers: readonly Person[];
  readonly act: () => Promise<unknown>;
  /** Frames that the reply does not wait for: which they are, and who gets them on a connection. */
  readonly late?: { readonly watchers: readonly Person[]; readonly is: (frame: SeenFrame) => boolean } | undefined;
  /** To prove that the comparison can fail. */
  readonly withheld?: Withheld;
}

/**
 * Plays a command and proves that events suffice: what the client's store read before it, with the events that came afterwards applied,
 * is what a plain reader reads afterwards, both on a live connection and by polling. Nothing except `UNTOLD` may differ.
 * @throws Error with one line for each difference
 */
export async function eventsSuffice({ server, watchers, act, late, withheld = () => false }: Act): Promise<void> {
  const before = await Promise.all(
    watchers.map(async (person) => {
      const known = await readState(person.api);
      if (!known) throw new Error(`${person.name} is signed out before anything was done`);
      const { asOf } = known;
      const [live, polling] = [await readBy(server, person, known), await readBy(server, person, known)];
      const follower = await LiveFollower.start(server, person, { store: live, asOf, withheld });
      return { person, asOf, live: { store: live, follower }, polling };
    }),
  );
  await act();
  const lines = await Promise.all(
    before.map(async ({ person, asOf, live, polling }) => {
      const heard = await live.follower.finish(late?.watchers.includes(person) ? late.is : undefined);
      const polled = await followByPolling(person, { store: polling, asOf, withheld });
      for (const store of [live.store, polling]) store.stop();
      const after = (await readState(person.api, [...roomsOf(heard), ...roomsOf(polled)]))?.state;
      return [
        ...differences(after, heard, UNTOLD).map((line) => `${person.name}, live: ${line}`),
        ...differences(after, polled, UNTOLD).map((line) => `${person.name}, polling: ${line}`),
      ];
    }),
  );
  const all = lines.flat();
  if (all.length > 0) throw new Error(`events do not suffice:\n${all.join("\n")}`);
}

/** A store that has read the same. */
async function readBy(server: TestServer, person: Person, { state, asOf }: Known): Promise<WatchedStore> {
  const store = await WatchedStore.read(server, person, { asOf, rooms: roomsOf(state) });
  const lines = differences(state, await store.state(), UNTOLD);
  if (lines.length > 0) throw new Error(`the store reads something else:\n${lines.join("\n")}`);
  return store;
}

interface Known {
  readonly state: ClientState;
  readonly asOf: string;
}

function roomsOf(state: ClientState | undefined): number[] {
  return Object.keys(state?.rooms ?? {}).map(Number);
}
