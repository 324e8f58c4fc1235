import { LIMITS } from "@parley/protocol";
import type { BoundRow, Refusal } from "./row.ts";

const TOO_LARGE: Refusal = { code: "too_large" };
const INVALID: Refusal = { code: "invalid" };

/** How large one thing may be. */
export const SIZES = {
  body: { counts: "the body", by: "request", count: LIMITS.bodyBytes, unit: "bytes", refusal: TOO_LARGE },
  /** A cursor of 64 KiB still fits, and one above is called malformed. */
  pollBody: {
    counts: "the body of a poll",
    by: "request",
    count: 4 * LIMITS.bodyBytes,
    unit: "bytes",
    refusal: TOO_LARGE,
  },
  frame: {
    counts: "a frame of a client",
    by: "connection",
    count: LIMITS.frameBytes,
    unit: "bytes",
    refusal: { close: 1009 },
    setting: "MAX_FRAME_BYTES",
  },
  upload: {
    counts: "an upload",
    by: "request",
    count: 104_857_600,
    unit: "bytes",
    refusal: TOO_LARGE,
    setting: "MAX_UPLOAD_BYTES",
  },
  cursor: {
    counts: "a cursor",
    by: "request",
    count: LIMITS.cursorBytes,
    unit: "bytes",
    refusal: { code: "cursor_malformed" },
  },
  text: {
    counts: "the text of a message",
    by: "request",
    count: LIMITS.textCodePoints,
    unit: "code points",
    refusal: INVALID,
  },
  customData: {
    counts: "the `data` of a message of the product's own",
    by: "request",
    count: LIMITS.customDataBytes,
    unit: "bytes",
    refusal: INVALID,
  },
  clientId: {
    counts: "a `clientId`",
    by: "request",
    count: LIMITS.clientIdLength,
    unit: "characters",
    refusal: INVALID,
  },
  mentions: { counts: "people mentioned in a message", by: "request", count: LIMITS.mentions, refusal: INVALID },
  name: { counts: "a name", by: "request", count: LIMITS.nameCodePoints, unit: "code points", refusal: INVALID },
  password: { counts: "a password", by: "request", count: LIMITS.passwordMax, unit: "characters", refusal: INVALID },
  roomName: {
    counts: "a room's name",
    by: "request",
    count: LIMITS.roomNameCodePoints,
    unit: "code points",
    refusal: INVALID,
  },
  notice: {
    counts: "a room's notice",
    by: "request",
    count: LIMITS.noticeCodePoints,
    unit: "code points",
    refusal: INVALID,
  },
  memberIds: {
    counts: "people added to a room at once",
    by: "request",
    count: LIMITS.memberIdsPerRequest,
    refusal: INVALID,
  },
  presenceUserIds: {
    counts: "people whose presence is asked for at once",
    by: "request",
    count: LIMITS.presenceUserIds,
    refusal: INVALID,
  },
  page: {
    counts: "items of a page",
    by: "request",
    count: LIMITS.pageMax,
    refusal: { silently: "a larger `limit` counts as this" },
  },
  pollEvents: {
    counts: "events in the reply to a poll",
    by: "request",
    count: 1000,
    refusal: { silently: "a larger `limit` counts as this" },
  },
  pollReply: {
    counts: "the frames in the reply to a poll",
    by: "request",
    count: 524_288,
    unit: "characters",
    refusal: { silently: "the reply ends there, with `more`" },
  },
  pollWait: {
    counts: "how long a poll waits for an event",
    by: "request",
    count: 60,
    unit: "seconds",
    refusal: { silently: "a longer `wait` counts as this" },
  },
  idle: {
    counts: "`?idle=` of a connection",
    by: "connection",
    count: LIMITS.idleSecondsMax,
    unit: "seconds",
    refusal: { silently: "a longer `idle` counts as this" },
  },
} as const satisfies Record<string, BoundRow>;
