import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { missedMessages } from "./check-history.ts";
import type { Membership } from "./memberships.ts";
import { Places } from "./places.ts";
import { Ranges } from "./ranges.ts";

const MESSAGE = 4;
const MEMBER_CHANGE = 11;

/** Room 2, of which events 1, 5 and 8 are changes of members and all others are messages. */
function placesOfRoom(): Places {
  const db = new Database(":memory:");
  db.run("create table events (pos integer primary key, stream text, type int)");
  for (let pos = 1; pos <= 9; pos++) {
    db.run("insert into events values (?, 'room:2', ?)", [pos, [1, 5, 8].includes(pos) ? MEMBER_CHANGE : MESSAGE]);
  }
  return new Places(db);
}

const at = (seq: number) => ({ seq, pos: seq });
const cases: Record<string, [Membership[], open: number[]]> = {
  "a reader who is still in sees all, where the room shows its history": [
    [{ joined: at(1), historyFrom: 1 }],
    [2, 3, 4, 6, 7, 9],
  ],
  "a reader who has left sees what came before that": [[{ joined: at(1), left: at(5), historyFrom: 1 }], [2, 3, 4]],
  "a reader sees what came from the joining on, where the room hides what was earlier": [
    [
      { joined: at(1), left: at(4), historyFrom: 1 },
      { joined: at(5), historyFrom: 5 },
    ],
    [6, 7, 9],
  ],
  "a reader who has left such a room again sees what lies between": [
    [
      { joined: at(1), left: at(4), historyFrom: 1 },
      { joined: at(5), left: at(8), historyFrom: 5 },
    ],
    [6, 7],
  ],
};

test.each(Object.entries(cases))("of the messages that were missed, %s", (_, [own, open]) => {
  const missed = new Map([["room:2", new Ranges([[1, 9]])]]);
  const messages = missedMessages(missed, { places: placesOfRoom(), memberships: new Map([["room:2", own]]) });
  expect(messages.map(({ id }) => id)).toEqual([2, 3, 4, 6, 7, 9]);
  expect(messages.filter(({ isOpen }) => isOpen).map(({ id }) => id)).toEqual(open);
});
