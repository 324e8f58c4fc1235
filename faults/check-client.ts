import type { AppLog } from "./app-record.ts";
import type { Windows } from "./log-windows.ts";
import type { Problems } from "./problems.ts";
import { Ranges, type Run, sizeOf } from "./ranges.ts";
import type { WireLog } from "./wire-log.ts";

/** Names of what can go wrong; the three that the promise is about come first. */
export const LOST = "lost";
export const DUPLICATED = "duplicated";
export const REORDERED = "reordered";
const NOT_THEIRS = "not for this reader";

interface AppContext {
  readonly name: string;
  readonly expected: ReadonlyMap<string, Ranges>;
  readonly wire: WireLog;
  readonly problems: Problems;
}

/** @returns how many different events the client saw */
export function checkApp({ streams, differing }: AppLog, { name, expected, wire, problems }: AppContext): number {
  let delivered = 0;
  for (const stream of new Set([...expected.keys(), ...Object.keys(streams)])) {
    const saw = seenOf(streams, stream);
    const had = expected.get(stream) ?? new Ranges();
    const onWire = new Ranges(wire.streams[stream] ?? []);
    delivered += saw.size;
    for (const run of had.without(saw)) {
      const came = new Ranges([run]).without(onWire).length === 0 ? ", though it was on the wire" : "";
      problems.add(LOST, `${name} ${stream} ${text(run)}${came}`, sizeOf([run]));
    }
    for (const run of saw.without(had)) problems.add(NOT_THEIRS, `${name} ${stream} ${text(run)}`, sizeOf([run]));
    for (const run of saw.without(onWire)) problems.add("seen, not on the wire", `${name} ${stream} ${text(run)}`);
    const { duplicated = 0, reordered = 0, examples = [] } = streams[stream] ?? {};
    problems.add(DUPLICATED, `${name} ${stream} ${examples.join(", ")}`, duplicated);
    problems.add(REORDERED, `${name} ${stream} ${examples.join(", ")}`, reordered);
  }
  for (const one of differing) problems.add("told otherwise", `${name} ${one}`);
  return delivered;
}

export function checkWire(
  wire: WireLog,
  { name, windows, problems }: { name: string; windows: Windows; problems: Problems },
): void {
  for (const [stream, runs] of Object.entries(wire.streams)) {
    const over = new Ranges(runs).without(windows.get(stream) ?? new Ranges());
    for (const run of over)
      problems.add("on the wire, not for this reader", `${name} ${stream} ${text(run)}`, sizeOf([run]));
  }
  for (const { stream, transport, from, to } of wire.falls) {
    problems.add("fell on the wire", `${name} ${transport} ${stream} ${to} after ${from}`);
  }
  for (const { stream, transport, from, to } of wire.jumps) {
    const over = new Ranges([[from + 1, to - 1]]);
    const wanted = over.without(new Ranges(over.without(windows.get(stream) ?? new Ranges())));
    if (wanted.length > 0) problems.add("gap on the wire", `${name} ${transport} ${stream} ${to} after ${from}`);
  }
  // What was not kept cannot be judged.
  problems.add("too much to judge on the wire", name, wire.unkept);
}

export function seenOf(streams: AppLog["streams"], stream: string): Ranges {
  return new Ranges(streams[stream]?.runs ?? []);
}

function text([from, to]: Run): string {
  return from === to ? String(from) : `${from}–${to}`;
}
