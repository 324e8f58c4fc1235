import { expect, test } from "bun:test";
import type { MembershipRow } from "../rooms/memberships.ts";
import { redDot } from "./red-dot.ts";

const EPOCH = "0123456789abcdef";
const row = (roomId: number, more: Partial<MembershipRow>): MembershipRow => ({
  ...({ roomId, uid: 20_000, no: 5, readNo: 2, leftSeq: null, dissolvedSeq: null } as MembershipRow),
  ...more,
});
const COUNTERS = { unseen: 3, unreadNotifications: 4, friendRequests: 2 };
const dots = (rows: MembershipRow[], hall?: { no: number; readNo: number }) =>
  redDot(rows, { hall, counters: COUNTERS, epoch: EPOCH, pos: 9 });

test("IM-70: rooms with something unread count, the hall first and the others by their ids", () => {
  expect(dots([row(9, { no: 3 }), row(7, {})], { no: 4, readNo: 0 })).toEqual({
    total: 8,
    rooms: [
      { roomId: 1, unread: 4 },
      { roomId: 7, unread: 3 },
      { roomId: 9, unread: 1 },
    ],
    friendRequests: 2,
    notifications: 3,
    asOf: `${EPOCH};*@9`,
  });
});

test("IM-70: rooms that were left or dissolved do not count, nor do those in which everything was read", () => {
  const rows = [
    row(7, { leftSeq: 8 }),
    row(8, { dissolvedSeq: 8 }),
    row(9, { readNo: 5 }),
    // Not yet written by the one who joined.
    row(10, { readNo: null }),
  ];
  expect(dots(rows, { no: 4, readNo: 4 })).toMatchObject({ total: 0, rooms: [] });
  expect(dots(rows)).toMatchObject({ total: 0, rooms: [] });
});
