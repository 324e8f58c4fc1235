import type { Database } from "bun:sqlite";
import type { SeenEvents } from "./app-record.ts";
import type { Ledger } from "./ledger.ts";
import { banChangesOf, checkBanRows } from "./log-bans.ts";
import type { Change } from "./log-changes.ts";
import { checkContactRows, contactsOf } from "./log-contacts.ts";
import { customOf, type Tellable } from "./log-custom.ts";
import { type Counters, checkDotRows, DotsLog, WRONG_DOT } from "./log-dots.ts";
import { checkMarkRows, marksOf } from "./log-marks.ts";
import { checkNoticeRows, noticesOf } from "./log-notices.ts";
import type { Problems } from "./problems.ts";

export interface FeaturesEvidence {
  readonly ledger: Ledger;
  readonly seen: Readonly<Record<string, SeenEvents>>;
  /** By client. */
  readonly uids: readonly number[];
  /** By client: the dots that follow from what HTTP says at the end. */
  readonly counters: readonly Counters[];
}

/**
 * Works out from the log what became of marks, contacts, bans, notifications and the product's custom events, and compares it with
 * the tables, with what HTTP says, and with what applications got.
 * @returns what has changed, by key, for `checkCommands`
 */
export function checkFeatures(
  db: Database,
  { ledger, seen, uids, counters }: FeaturesEvidence,
  problems: Problems,
): ReadonlyMap<string, Change[]> {
  const marks = marksOf(db, problems);
  checkMarkRows(db, marks, problems);
  const contacts = contactsOf(db, problems);
  checkContactRows(db, contacts, problems);
  const bans = banChangesOf(db, problems);
  checkBanRows(db, bans, problems);
  const tellable: Tellable = new Map();
  const custom = customOf(db, { asked: ledger.customs, tellable, problems });
  const notices = noticesOf(db, { asked: ledger.notices, tellable, problems });
  checkNoticeRows(db, ledger.notices, problems);
  checkTold(seen, tellable, problems);
  const dots = new DotsLog(db, { notices: notices.events, problems });
  checkDotRows(db, { log: dots, uids }, problems);
  for (const [i, uid] of uids.entries()) {
    const counted = JSON.stringify(dots.countersOf(uid));
    const shown = JSON.stringify(counters[i]);
    if (shown !== counted) problems.add(WRONG_DOT, `client ${i}: HTTP says ${shown}, counted ${counted}`);
  }
  return new Map(
    [marks.changes, contacts.changes, bans, custom, notices.changes, dots.changes].flatMap((changes) => [...changes]),
  );
}

/** Whatever an application got for an event that may change has to be what the event said then or later. */
function checkTold(seen: FeaturesEvidence["seen"], tellable: Tellable, problems: Problems): void {
  for (const [stream, { passing = {} }] of Object.entries(seen)) {
    for (const [seq, forms] of Object.entries(passing)) {
      const right = tellable.get(stream)?.get(Number(seq)) ?? [];
      if (forms.some((one) => !right.includes(one))) problems.add("told otherwise", `${stream} ${seq}: what it says`);
    }
  }
}
