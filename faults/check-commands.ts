import type { Database } from "bun:sqlite";
import type { Command, CommandLedger } from "./commands.ts";
import { addTo } from "./grouped.ts";
import { type Change, changesOf } from "./log-changes.ts";
import { Problems } from "./problems.ts";

const COMMAND_LOST = "command acknowledged and lost";
export const ANSWERED_WRONG = "answered wrong";
const UNASKED = "events that nobody asked for";

/** The state before any event says otherwise. */
const FIRST: Readonly<Record<string, string>> = {
  ...{ name: "room", history: "all", mark: "none", ban: "free", request: "none", friendship: "no" },
};

/**
 * Compares every command that was answered with the log: its event is there, between the messages that were sent before
 * and after it, as often as it was asked for; if it may have changed nothing, the value was already so at that time.
 * @param features other changes that the log shows, by key
 */
export function checkCommands(
  db: Database,
  ledger: CommandLedger,
  features: ReadonlyMap<string, Change[]> = new Map(),
): Problems {
  const problems = new Problems();
  const changes = new Map([...changesOf(db, { rooms: ledger.rooms, problems }), ...features]);
  const asked = new Map<string, Command[]>();
  for (const command of ledger.commands) {
    addTo(asked, command.key, command);
    if (!command.answered || isInLog(command, changes.get(command.key) ?? [])) continue;
    const { key, value, after, before } = command;
    problems.add(COMMAND_LOST, `${key}: ${value}, between ${after} and ${before}`);
  }
  for (const [key, commands] of asked) countEach(key, commands, changes.get(key) ?? [], problems);
  for (const [key, made] of changes) {
    const { room } = made[0] as Change;
    if ((room === undefined || ledger.rooms.has(room)) && !asked.has(key)) countEach(key, [], made, problems);
    checkEachChanges(key, made, problems);
  }
  for (const answer of ledger.wrongAnswers) problems.add(ANSWERED_WRONG, answer);
  checkRooms(db, ledger, problems);
  checkReads(db, ledger, problems);
  return problems;
}

function isInLog({ key, value, least, after, before }: Command, changes: readonly Change[]): boolean {
  const within = changes.filter(({ pos }) => pos > after && pos < before);
  if (least === 1) return within.some((change) => change.isEvent && change.value === value);
  const at = changes.findLast(({ pos }) => pos <= after)?.value ?? FIRST[key.slice(0, key.indexOf(" "))];
  return at === value || within.some((change) => change.value === value);
}

function countEach(key: string, commands: readonly Command[], changes: readonly Change[], problems: Problems): void {
  const events = changes.filter(({ isEvent }) => isEvent);
  for (const value of new Set([...commands, ...events].map((one) => one.value))) {
    const own = commands.filter((command) => command.value === value);
    const least = own.reduce((sum, command) => sum + command.least, 0);
    const most = own.reduce((sum, command) => sum + command.most, 0);
    const count = events.filter((event) => event.value === value).length;
    if (count < least) problems.add(COMMAND_LOST, `${key}: ${value}, ${count} times of ${least}`, least - count);
    if (count > most) problems.add(UNASKED, `${key}: ${value}, ${count} times of ${most}`, count - most);
  }
}

/** The server logs only what differs from before. */
function checkEachChanges(key: string, changes: readonly Change[], problems: Problems): void {
  for (const [i, { isEvent, value, pos }] of changes.entries()) {
    if (isEvent && value === changes[i - 1]?.value)
      problems.add("event that changes nothing", `${pos}: ${key} ${value}`);
  }
}

/** A room that was asked for again because no answer came may be there twice. Nobody asks for the direct rooms of friends. */
function checkRooms(db: Database, { rooms, mostRooms }: CommandLedger, problems: Problems): void {
  const logged = db
    .query<{ stream: string }, []>(
      `select distinct stream from events where type = 11 and stream like 'room:%' and stream not in (
         select 'room:' || json_extract(data, '$.roomId') from events
         where type = 111 and json_extract(data, '$.change') = 'accepted')`,
    )
    .all();
  if (rooms.size > 0 && logged.length > mostRooms) {
    problems.add(UNASKED, `${logged.length} rooms of ${mostRooms}`, logged.length - mostRooms);
  }
}

/** Read positions are announced at most once a second, so they are looked up where they are stored. */
function checkReads(db: Database, { reads }: CommandLedger, problems: Problems): void {
  const query = db.query<{ seq: number }, [number, number]>(
    "select read_seq as seq from room_reads where uid = ? and room_id = ?",
  );
  for (const [key, seq] of reads) {
    const [uid, room] = key.split(" ").map(Number) as [number, number];
    const kept = query.get(uid, room)?.seq ?? 0;
    if (kept < seq) problems.add(COMMAND_LOST, `${uid} has read room ${room} up to ${seq}, kept is ${kept}`);
  }
}
