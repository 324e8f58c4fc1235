import type { AppLog } from "./app-record.ts";
import type { AppResync } from "./app-resyncs.ts";
import { cursorParts, type Places } from "./places.ts";
import type { Problems } from "./problems.ts";
import { Ranges, type Run } from "./ranges.ts";
import { behindAt, type ResyncFrame, whyUndue } from "./resync-due.ts";
import type { Return } from "./returns.ts";
import type { WireLog, WireResync } from "./wire-log.ts";

/** What is wrong with a RESYNC that was brought about on purpose. */
export const NO_RESYNC = "RESYNC missing";
export const UNDUE_RESYNC = "RESYNC not due";
export const UNTOLD_RESYNC = "RESYNC told otherwise than on the wire";
export const WRONG_STATE = "state does not fit its place";
export const NOT_IN_HISTORY = "lost before a RESYNC";

export interface ReturnsChecked {
  /** That had to get a RESYNC and did, by kind. */
  readonly met: Record<Return["kind"], number>;
  /** By stream: what state took the place of, so that it is not told one by one. */
  readonly covered: ReadonlyMap<string, Ranges>;
  /** RESYNC frames. */
  resyncs: number;
  /** That lay before them, and are in what was read over HTTP. */
  messages: number;
}

export interface ReturnsContext {
  readonly name: string;
  readonly places: Places;
  readonly may: ReadonlyMap<string, Ranges>;
  readonly epoch: string;
  readonly problems: Problems;
}

/** Judges a client that was brought to RESYNCs on purpose: exactly those that are due, and nothing lost by them. */
export function checkReturns(
  { app, wire, returns }: { app: AppLog; wire: WireLog; returns: readonly Return[] },
  context: ReturnsContext,
): ReturnsChecked {
  const { name, places, may, epoch, problems } = context;
  const checked: ReturnsChecked = {
    met: { far: 0, epoch: 0 },
    covered: coveredBy(app, context),
    resyncs: 0,
    messages: 0,
  };
  for (const [one, frames] of paired(app.resyncs, wire.resyncs, context)) {
    checked.resyncs += frames.length;
    const why = whyUndue({ places, may, cursor: one.cursor, max: one.max }, frames, epoch);
    if (why !== undefined) problems.add(UNDUE_RESYNC, `${name}: ${why}: ${JSON.stringify(frames)}`);
    checkState(one, context);
  }
  for (const { kind, cursor, max, backAt } of returns) {
    const due =
      cursorParts(cursor).epoch !== epoch ||
      sum(behindAt({ places, may, cursor }, cursorParts(backAt).floor).values()) > max;
    if (!due) continue;
    if (app.resyncs.some((one) => one.cursor === cursor && one.state)) checked.met[kind] += 1;
    else problems.add(NO_RESYNC, `${name} came back with ${cursor} and got none (${kind})`);
  }
  checked.messages = checkHistory(checked.covered, returns, context);
  return checked;
}

/** By stream: the events between what a client had at a RESYNC and what it read then. */
export function coveredBy({ resyncs }: AppLog, { places, may }: Pick<ReturnsContext, "places" | "may">) {
  const covered = new Map<string, Ranges>();
  for (const { cursor, told, state } of resyncs) {
    if (!state) continue;
    const rooms = new Map(state.rooms.map(({ id, seq }) => [`room:${id}`, seq ?? 0]));
    for (const stream of state.everything ? may.keys() : told.map((one) => one.stream)) {
      const ranges = covered.get(stream) ?? new Ranges();
      covered.set(stream, ranges);
      const to = Math.max(rooms.get(stream) ?? 0, state.everything ? places.reach(state.asOf, stream) : 0);
      ranges.addRun(places.reach(cursor, stream) + 1, to);
    }
  }
  return covered;
}

/** Who was told what of what was on the wire. Only what may not have come whole may be untold. */
function paired(
  told: readonly AppResync[],
  sent: readonly WireResync[],
  { name, problems }: ReturnsContext,
): [AppResync, ResyncFrame[]][] {
  const pairs: [AppResync, ResyncFrame[]][] = [];
  let wholes = sent.filter(({ whole }) => whole).length;
  for (const { frames: texts, whole } of sent) {
    const frames = texts.map((text) => (JSON.parse(text) as { data: ResyncFrame }).data);
    const next = told[pairs.length];
    const same = next !== undefined && said(next.told) === said(frames);
    if (whole) wholes -= 1;
    else if (!same || told.length - pairs.length <= wholes) continue;
    if (!same) {
      problems.add(UNTOLD_RESYNC, `${name}: ${said(frames)} on the wire, told ${next ? said(next.told) : "nothing"}`);
      return pairs;
    }
    pairs.push([next, frames]);
  }
  const over = told.slice(pairs.length);
  for (const one of over) problems.add(UNTOLD_RESYNC, `${name}: told ${said(one.told)}, which was not on the wire`);
  return pairs;
}

function said(told: readonly { stream: string; why: string }[]): string {
  return told.map(({ stream, why }) => `${stream} ${why}`).join(", ");
}

/** State says up to where each room goes in it: that has to be the room's end at the place that the state says of itself. */
function checkState({ told, state }: AppResync, { name, places, problems }: ReturnsContext): void {
  if (!state) return problems.add(WRONG_STATE, `${name}: none was read after ${said(told)}`);
  for (const { id, seq, asOf = state.asOf } of state.rooms) {
    const stream = `room:${id}`;
    const head = places.reach(asOf, stream);
    if (seq !== null && seq !== head) problems.add(WRONG_STATE, `${name} ${stream}: ${seq}, and ${head} as of ${asOf}`);
  }
}

function checkHistory(
  covered: ReadonlyMap<string, Ranges>,
  returns: readonly Return[],
  { name, places, problems }: ReturnsContext,
): number {
  let count = 0;
  const read = new Map<string, Set<number>>();
  for (const { history } of returns) {
    for (const [stream, ids] of Object.entries(history)) {
      read.set(stream, (read.get(stream) ?? new Set()).union(new Set(ids)));
    }
  }
  for (const [stream, { runs }] of covered) {
    for (const [from, to] of runs as readonly Run[]) {
      for (let seq = from; seq <= to; seq++) {
        const id = places.messageAt(stream, seq);
        if (id === undefined) continue;
        if (read.get(stream)?.has(id)) count += 1;
        else problems.add(NOT_IN_HISTORY, `${name} ${stream} ${seq}: message ${id} is not in the history`);
      }
    }
  }
  return count;
}

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((all, one) => all + one, 0);
}
