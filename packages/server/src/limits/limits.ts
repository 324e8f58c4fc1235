/**
 * Limits: the table of everything that is bounded here, and what counts rates.
 *
 * - A number of a limit stands here (or, where clients rely on it, in the protocol's `LIMITS`, which rows of this table
 *   name) and nowhere else. `docs/limits.md` is made from this table by `tools/limits-doc.ts`; a check compares the two.
 * - Rates bound how often something may happen; RATE_LIMITS=off lifts them. Caps bound how much there may be, and sizes
 *   how large one thing may be; nothing lifts those.
 * - Rates of signed-in work are counted in this process, synchronously, since a send must not pay for a promise per limit.
 *   Rates of work for which nobody is signed in may be shared by several nodes one day, so they are asked with `await`.
 *
 * Knows no feature. Must not import anything above `lib`.
 */
import { LIMITS } from "@parley/protocol";
import type { BoundRow, RateRow, Refusal } from "./row.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

const LIMITED: Refusal = { code: "rate_limited" };

/** Rates counted by this process alone: `LocalRate`. Those of a day begin anew when it ends. */
export const LOCAL_RATES = {
  /** Recalls count too: they are written and told like a message. A long message counts as several (`countedMessage`). */
  sends: { counts: "messages", by: "person", count: 10, windowMs: SECOND, burst: 30, refusal: LIMITED },
  sendsADay: { counts: "messages in a day", by: "person", count: 50_000, windowMs: DAY, refusal: LIMITED },
  /** Also those that change nothing. */
  marks: { counts: "likes and dislikes", by: "person", count: 5, windowMs: SECOND, burst: 20, refusal: LIMITED },
  marksADay: {
    counts: "likes and dislikes in a day",
    by: "person",
    count: 20_000,
    windowMs: DAY,
    refusal: LIMITED,
  },
  readPlaces: { counts: "read places", by: "person", count: 20, windowMs: SECOND, burst: 60, refusal: LIMITED },
  profileChanges: {
    counts: "changes of the own account",
    by: "person",
    count: 10,
    windowMs: MINUTE,
    refusal: LIMITED,
  },
  /** Of sessions that are signed in: refreshing a token, signing devices out. */
  loginChanges: { counts: "changes of logins", by: "person", count: 30, windowMs: MINUTE, refusal: LIMITED },
  roomChanges: {
    counts: "changes of rooms and their members",
    by: "person",
    count: 30,
    windowMs: MINUTE,
    refusal: LIMITED,
  },
  ownSettings: {
    counts: "changes of rooms for oneself",
    by: "person",
    count: 30,
    windowMs: MINUTE,
    refusal: LIMITED,
  },
  /** A direct room that is there already is not made, and not counted. */
  roomsMade: { counts: "new rooms", by: "person", count: 10, windowMs: MINUTE, refusal: LIMITED },
  roomsMadeADay: { counts: "new rooms in a day", by: "person", count: 200, windowMs: DAY, refusal: LIMITED },
  /** To rooms new and old. */
  peopleAdded: { counts: "people added to rooms", by: "person", count: 2000, windowMs: MINUTE, refusal: LIMITED },
  peopleAddedADay: {
    counts: "people added to rooms in a day",
    by: "person",
    count: 20_000,
    windowMs: DAY,
    refusal: LIMITED,
  },
  /** Of the one who is brought in, by people with whom they never shared a room. The hall is everybody's and does not count. */
  groupsByStrangers: {
    counts: "groups into which strangers bring this person",
    by: "person",
    count: 100,
    windowMs: DAY,
    refusal: { code: "too_many_rooms" },
  },
  /** A number of its own, so that groups cannot use it up; two people have one such room, so each counts for one account. */
  directRoomsByStrangers: {
    counts: "direct rooms that strangers open with this person",
    by: "person",
    count: 500,
    windowMs: DAY,
    refusal: { code: "too_many_rooms" },
  },
  /** Of people who did share a room. With it, hundreds of accounts are needed to fill the list of somebody's rooms in days, rather than two dozen in one. */
  groupsByOnePerson: {
    counts: "groups into which one person brings the same other person",
    by: "two people",
    count: 10,
    windowMs: DAY,
    refusal: { code: "too_many_rooms" },
  },
  qrSteps: { counts: "steps with QR codes", by: "person", count: 30, windowMs: MINUTE, refusal: LIMITED },
  typing: {
    counts: "signs of typing",
    by: "person and room",
    count: 1,
    windowMs: 3 * SECOND,
    always: true,
    refusal: { silently: "dropped: the readers know already" },
  },
  /** Right ones count too, since each is work. */
  ownPasswords: {
    counts: "passwords for your own account",
    by: "person",
    count: 10,
    windowMs: 10 * MINUTE,
    refusal: LIMITED,
  },
  presence: {
    counts: "people whose presence is asked for",
    by: "person",
    count: 500,
    windowMs: SECOND,
    burst: 2000,
    refusal: LIMITED,
  },
  /** A list of people or messages is one. A key may have a number of its own, and then five times that at once. */
  keyRequests: {
    counts: "requests with this key",
    by: "server key",
    count: 2000,
    windowMs: SECOND,
    burst: 10_000,
    refusal: LIMITED,
  },
  refusalsAtOnce: {
    counts: "429 that are told at once",
    by: "address",
    count: 5,
    windowMs: SECOND,
    burst: 10,
    always: true,
    refusal: { silently: "the others are told a second later" },
  },
  refusalLines: {
    counts: "lines in the log for refusals",
    by: "address",
    count: 10,
    windowMs: SECOND,
    burst: 100,
    always: true,
    refusal: { silently: "the others are counted, and the next line says how many" },
  },
  handshakes: {
    counts: "handshakes without a valid token from this address",
    by: "address",
    count: 10,
    windowMs: SECOND,
    burst: 50,
    refusal: LIMITED,
  },
} as const satisfies Record<string, RateRow>;

/** Rates of work for which nobody is signed in, which several nodes may count together: `SharedRate`. */
export const SHARED_RATES = {
  signIns: {
    counts: "sign-ins and new accounts from this address",
    by: "address",
    count: 20,
    windowMs: 10 * MINUTE,
    refusal: LIMITED,
  },
  /** This one and the next do not count people at addresses that are known of their account. */
  signInsOfNetwork: {
    counts: "sign-ins and new accounts from this network",
    by: "network",
    count: 60,
    windowMs: 10 * MINUTE,
    refusal: LIMITED,
  },
  signInsOverall: {
    counts: "sign-ins and new accounts on this server",
    by: "process",
    count: 600,
    windowMs: 10 * MINUTE,
    refusal: LIMITED,
    setting: "SIGN_INS_OVERALL",
  },
  failedSignIns: {
    counts: "failed sign-ins to this account from this address",
    by: "account and address",
    count: 5,
    windowMs: 10 * MINUTE,
    refusal: LIMITED,
  },
  failedSignInsByStrangers: {
    counts: "failed sign-ins to this account from addresses that are not known of it",
    by: "account",
    count: 50,
    windowMs: 10 * MINUTE,
    refusal: LIMITED,
  },
  qrCodes: { counts: "QR codes from this address", by: "address", count: 20, windowMs: MINUTE, refusal: LIMITED },
} as const satisfies Record<string, RateRow>;

/** Rates that each connection keeps for itself, in a few numbers: there may be very many connections. */
export const CONNECTION_RATES = {
  /** A client that heartbeats, types and resumes needs far less; a burst is what a page sends when it wakes up. */
  frames: {
    counts: "frames of a client",
    by: "connection",
    count: 10,
    windowMs: SECOND,
    burst: 100,
    refusal: { close: 1006 },
  },
  badFrames: {
    counts: "broken frames",
    by: "connection",
    count: LIMITS.badFrames,
    windowMs: LIMITS.badFramesMs,
    refusal: { close: 1008 },
  },
  qrCodesOnConnection: {
    counts: "LOGIN commands",
    by: "connection",
    count: 1,
    windowMs: 5 * SECOND,
    refusal: LIMITED,
  },
} as const satisfies Record<string, RateRow>;

const INVALID: Refusal = { code: "invalid" };
const OVERLOADED: Refusal = { code: "overloaded" };

/** How much there may be at once. */
export const CAPS = {
  connections: {
    counts: "live connections",
    by: "process",
    count: 90,
    unit: "% of the files that it may open",
    refusal: { close: 1013 },
    setting: "MAX_CONNECTIONS",
  },
  openFiles: {
    counts: "open files and sockets before connections without a request are closed",
    by: "process",
    count: 80,
    unit: "% of the files that it may open",
    refusal: { silently: "replies end their connections" },
  },
  requestsPerAddress: {
    counts: "requests in flight; event streams, hanging polls and requests with a valid server key do not count",
    by: "address",
    count: 256,
    refusal: LIMITED,
  },
  requestsPerTurn: {
    counts: "requests that are begun in one turn of the event loop, fewer where they take long",
    by: "process",
    count: 128,
    refusal: { silently: "the others wait for their turn, in a line for each address" },
  },
  connectionsPerPerson: {
    counts: "live connections and hanging polls; the oldest goes",
    by: "person",
    count: 20,
    refusal: { close: 4029 },
    setting: "MAX_CONNECTIONS_PER_USER",
  },
  anonymousConnections: { counts: "anonymous connections", by: "address", count: 200, refusal: LIMITED },
  queueBytes: {
    counts: "what waits for a slow reader",
    by: "connection",
    count: 1_048_576,
    unit: "bytes",
    refusal: { close: 1006 },
    setting: "MAX_QUEUE_BYTES",
  },
  framesBeforeReady: {
    counts: "frames that wait while a token is checked",
    by: "connection",
    count: LIMITS.framesBeforeReady,
    refusal: { close: 1008 },
  },
  waitingRows: {
    counts: "rows that wait for the writer; of one person at most twice as many as are still free",
    by: "process",
    count: 20_000,
    refusal: OVERLOADED,
  },
  idleWrites: {
    counts: "the server's own requests that wait until nobody else has any",
    by: "process",
    count: 256,
    refusal: OVERLOADED,
  },
  batchRequests: {
    counts: "requests that the writer takes at once",
    by: "process",
    count: 256,
    refusal: { silently: "the others wait for their turn" },
  },
  batchRows: {
    counts: "rows that the writer takes at once; a request of more runs alone",
    by: "process",
    count: 2000,
    refusal: { silently: "the others wait for their turn" },
  },
  passwordsAtOnce: {
    counts: "passwords hashed or compared at once",
    by: "process",
    count: 2,
    refusal: { silently: "the others wait for their turn" },
  },
  passwordsWaiting: { counts: "passwords that wait for their turn", by: "process", count: 100, refusal: OVERLOADED },
  qrWatchers: { counts: "readers that wait for QR codes", by: "process", count: 20_000, refusal: OVERLOADED },
  qrWatchersPerCode: { counts: "readers that wait for one QR code", by: "code", count: 4, refusal: OVERLOADED },
  /**
   * Lists, pages of history, exports, polls, and rooms that are made or filled: much is read or parsed for them by the thread that serves everybody.
   * Where nobody is signed in, of an address.
   */
  heavyWork: {
    counts: "heavy requests that are answered at once",
    by: "person",
    count: 4,
    refusal: { silently: "the others wait for their turn" },
  },
  heavyWaiting: {
    counts: "heavy requests that wait for their turn",
    by: "person",
    count: 100,
    refusal: LIMITED,
  },
  untakenReplies: {
    counts: "large replies that wait to be taken; of one person or address as much as is still free",
    by: "process",
    count: 67_108_864,
    unit: "bytes",
    refusal: OVERLOADED,
  },
  replyStall: {
    counts: "how long a reader may take nothing of a large reply",
    by: "request",
    count: 30,
    unit: "seconds",
    refusal: { silently: "the connection is cut" },
  },
  /** One has its turn at a time, with a rest behind it that is as long as it took. */
  readsWaiting: {
    counts: "heavy reads that wait for their turn among everybody's",
    by: "process",
    count: 2000,
    refusal: OVERLOADED,
  },
  heavyWait: {
    counts: "how long a heavy request waits for its turn",
    by: "request",
    count: 5,
    unit: "seconds",
    refusal: LIMITED,
  },
  serverKeys: { counts: "server keys", by: "database", count: 100, refusal: { code: "too_many_keys" } },
  roomsPerPerson: {
    counts: "rooms that somebody is in and that are not dissolved, the hall apart",
    by: "person",
    count: 5000,
    refusal: { code: "too_many_rooms" },
  },
  roomMembers: { counts: "members", by: "room", count: 10_000, refusal: { code: "room_full" } },
  knownRequesters: {
    counts: "addresses and devices from which a person is known to sign in",
    by: "person",
    count: 40,
    refusal: { silently: "the one unused for longest is forgotten" },
  },
  logins: {
    counts: "devices that are signed in",
    by: "person",
    count: 100,
    refusal: { silently: "the one unused for longest is signed out" },
  },
  behindInStream: {
    counts: "events behind in one stream; a reader may ask for more with `max`",
    by: "reader",
    count: LIMITS.farPerStream,
    refusal: { silently: "RESYNC `far`" },
  },
  behindInAll: {
    counts: "events behind in all streams",
    by: "reader",
    count: LIMITS.farTotal,
    refusal: { silently: "RESYNC `far`" },
  },
  behindMost: {
    counts: "events behind that a reader may ask for with `max`",
    by: "reader",
    count: LIMITS.farMax,
    refusal: INVALID,
  },
} as const satisfies Record<string, BoundRow>;
