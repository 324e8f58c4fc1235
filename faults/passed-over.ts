import type { AppResync } from "./app-resyncs.ts";
import type { Windows } from "./log-windows.ts";
import { cursorParts, type Places } from "./places.ts";
import { Ranges } from "./ranges.ts";
import type { ToldResync } from "./told-resyncs.ts";

/** Events that a client did not get one by one, by stream. */
export interface PassedOver {
  /** All of these events: everything between the client's cursor and the state that it read. */
  readonly covered: ReadonlyMap<string, Ranges>;
  /** The part of these events that came before a return to the room. */
  readonly excused: ReadonlyMap<string, Ranges>;
}

interface Log {
  readonly places: Places;
  readonly windows: Windows;
}

export function passedOver(resyncs: readonly ToldResync[], log: Log): PassedOver {
  const covered = coveredBy(
    resyncs.map(({ told }) => told),
    log,
  );
  const excused = new Map<string, Ranges>();
  for (const { told, frames } of resyncs) {
    if (!told.state) continue;
    for (const { stream, why, seq = 0 } of frames) {
      if (why !== "rejoined") continue;
      const from = log.places.reach(cursorParts(told.cursor), stream) + 1;
      rangesOf(excused, stream).addRun(from, seq);
      rangesOf(covered, stream).addRun(from, seq);
    }
  }
  return { covered, excused };
}

/** By stream: the events between what a client had at a RESYNC and the state that it read then. */
export function coveredBy(resyncs: readonly AppResync[], { places, windows }: Log): Map<string, Ranges> {
  const covered = new Map<string, Ranges>();
  for (const { cursor, told, state } of resyncs) {
    // A client that was stopped before it had read the state goes on where it was, and gets RESYNC again.
    if (!state) continue;
    const rooms = new Map(state.rooms.map(({ id, seq }) => [`room:${id}`, seq ?? 0]));
    for (const stream of state.everything ? windows.keys() : told.map((one) => one.stream)) {
      const asOf = state.everything ? places.reach(cursorParts(state.asOf), stream) : 0;
      const to = Math.max(rooms.get(stream) ?? 0, asOf);
      rangesOf(covered, stream).addRun(places.reach(cursorParts(cursor), stream) + 1, to);
    }
  }
  return covered;
}

function rangesOf(map: Map<string, Ranges>, stream: string): Ranges {
  const ranges = map.get(stream) ?? new Ranges();
  map.set(stream, ranges);
  return ranges;
}
