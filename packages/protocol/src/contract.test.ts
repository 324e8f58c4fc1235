import { expect, test } from "bun:test";
import {
  CLOSE_CODES,
  Command,
  ERRORS,
  FIRST_UID,
  HALL_ROOM_ID,
  LIMITS,
  MessageType,
  MUTED_FOR_GOOD,
  Push,
  SYSTEM_UID,
} from "./index.ts";

/*
 * The numbers that other programs are written against. They may be added to, never changed, so they are repeated here independently of the source.
 */

test("bounds that clients rely on are as they were", () => {
  expect(LIMITS).toMatchObject({
    frameBytes: 8192,
    bodyBytes: 65_536,
    tokenLength: 4096,
    textCodePoints: 4096,
    customDataBytes: 8192,
    clientIdLength: 64,
    nameCodePoints: 32,
    passwordMin: 8,
    passwordMax: 256,
    roomNameCodePoints: 64,
    noticeCodePoints: 1024,
    memberIdsPerRequest: 1000,
    friendTextCodePoints: 200,
    remarkCodePoints: 64,
    mentions: 50,
    pageDefault: 50,
    pageMax: 100,
    cursorBytes: 65_536,
    farPerStream: 1000,
    farTotal: 10_000,
    farMax: 100_000,
    resyncStreams: 100,
    framesBeforeReady: 16,
    badFrames: 5,
    badFramesMs: 10_000,
    resumeWithinMs: 10_000,
    idleSecondsMax: 120,
    recallWithinMs: 120_000,
    presenceRoomMembers: 500,
    presenceUserIds: 500,
    typingRoomMembers: 100,
    receiptRoomMembers: 100,
    notificationIds: 100,
    qrLifetimeMs: 60_000,
  });
});

test("each error code has its status, and says whether trying again can help", () => {
  const table = Object.entries(ERRORS).map(([code, { status, retry }]) => [code, retry ? `${status} retry` : status]);
  expect(Object.fromEntries(table)).toMatchObject({
    invalid: 400,
    cursor_malformed: 400,
    handshake_invalid: 400,
    unauthorized: 401,
    forbidden: 403,
    origin_forbidden: 403,
    kind_not_allowed: 403,
    muted: 403,
    not_found: 404,
    method_not_allowed: 405,
    conflict: 409,
    too_large: 413,
    unsupported_media_type: 415,
    name_taken: 409,
    dedupe_key_reused: 409,
    client_id_reused: 409,
    qr_taken: 409,
    qr_state: 409,
    recall_too_late: 422,
    already_recalled: 422,
    reply_unknown: 422,
    room_dissolved: 422,
    room_full: 422,
    hall_fixed: 422,
    direct_fixed: 422,
    owner_cannot_leave: 422,
    unknown_user: 422,
    already_friends: 422,
    not_friends: 422,
    too_many_friends: 422,
    too_many_requests_open: 422,
    request_closed: 422,
    request_rejected: 422,
    person_blocked: 422,
    too_many_blocks: 422,
    own_account: 422,
    upgrade_required: 426,
    rate_limited: "429 retry",
    header_too_large: 431,
    internal: "500 retry",
    overloaded: "503 retry",
    draining: "503 retry",
    registration_closed: 403,
    not_ready: "503 retry",
    too_many_connections: "429 retry",
    unknown_type: 400,
    already_live: 409,
  });
});

test("each close code says what a client does then", () => {
  expect(CLOSE_CODES).toMatchObject({
    1000: "reconnect",
    1001: "reconnect",
    1006: "reconnect",
    1008: "back-off",
    1009: "reconnect",
    1012: "after-drain",
    1013: "after-retry",
    4000: "reconnect",
    4001: "stop",
    4003: "stop",
    4008: "reconnect",
    4029: "stop-until-focus",
  });
});

test("frames and messages have their numbers", () => {
  expect(Command).toMatchObject({
    LOGIN: 1,
    HEARTBEAT: 2,
    AUTHORIZE: 3,
    RESUME: 101,
    TYPING: 102,
  });
  expect(Push).toMatchObject({
    LOGIN_URL: 1,
    LOGIN_SCAN_SUCCESS: 2,
    LOGIN_SUCCESS: 3,
    MESSAGE: 4,
    ONLINE_OFFLINE_NOTIFY: 5,
    INVALIDATE_TOKEN: 6,
    BLACK: 7,
    MARK: 8,
    RECALL: 9,
    APPLY: 10,
    MEMBER_CHANGE: 11,
    ERROR: 100,
    READY: 101,
    NOTIFICATION: 102,
    RED_DOT: 103,
    READ: 104,
    TYPING: 105,
    ROOM: 106,
    DRAIN: 107,
    RESYNC: 108,
    SELF: 109,
    MESSAGE_UPDATE: 110,
    FRIEND: 111,
    MEMBER_UPDATE: 112,
    JOIN_REQUEST: 113,
    USER: 114,
    CURSOR: 115,
    UNBLACK: 116,
    REAUTHORIZE: 118,
  });
  expect(MessageType).toMatchObject({
    text: 1,
    recalled: 2,
    image: 3,
    file: 4,
    voice: 5,
    video: 6,
    sticker: 7,
    system: 8,
    custom: 100,
  });
});

test("the system, the first person and the hall have their ids", () => {
  expect([SYSTEM_UID, FIRST_UID, HALL_ROOM_ID]).toEqual([1, 20_000, 1]);
  expect(MUTED_FOR_GOOD).toBe(new Date(MUTED_FOR_GOOD).getTime());
  expect(MUTED_FOR_GOOD).toBe(8_640_000_000_000_000);
});
