/**
 * Limits: the table of everything that is bounded here, and what counts rates.
 *
 * - A number of a limit stands in the tables of this folder (rates here and in `stored-rates.ts`, caps in `caps.ts`, sizes in `sizes.ts`; or, where clients rely on
 *   it, in the protocol's `LIMITS`, which rows name) and nowhere else. `docs/limits.md` is made from them by `tools/limits-doc.ts`; a
 *   check compares the two.
 * - Rates bound how often something may happen; RATE_LIMITS=off lifts them. Caps bound how much there may be, and sizes
 *   how large one thing may be; nothing lifts those.
 * - Rates of signed-in work are counted in this process, synchronously, since a send must not pay for a promise per limit. Those that matter to
 *   others are told to the other processes, and those that protect one person from many are counted in the database.
 *   Rates of sign-ins, passwords and QR codes may be counted by a supervisor or in Redis, for several nodes, so they are asked with `await`.
 *
 * Knows no feature. Must not import anything above `lib`.
 */
import { LIMITS } from "@parley/protocol";
import type { RateRow, Refusal } from "./row.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

const LIMITED: Refusal = { code: "rate_limited" };

/**
 * Rates counted by each process: `LocalRate`. Those of a day begin anew when it ends. A rate that bounds what reaches other people, or that counts by the
 * day, is `told` to the other processes, so that several of them let about as much pass as one.
 */
export const LOCAL_RATES = {
  /** Of every kind; the rates of what they ask for come on top. */
  requests: { counts: "requests", by: "person", count: 100, windowMs: SECOND, burst: 500, refusal: LIMITED },
  anonymousRequests: {
    counts: "requests without a valid token from this address",
    by: "address",
    count: 100,
    windowMs: SECOND,
    burst: 500,
    told: "many",
    refusal: LIMITED,
  },
  /** Somebody who has one IPv6 network has 65 536 addresses. */
  anonymousRequestsOfNetwork: {
    counts: "requests without a valid token from this network",
    by: "network",
    count: 500,
    windowMs: SECOND,
    burst: 2500,
    told: "many",
    refusal: LIMITED,
  },
  /** Twenty devices that come back after a restart all pass at once, and once more. A poll counts where it goes on from another place than the last one. */
  starts: {
    counts: "new live connections, event streams and polls",
    by: "person",
    count: 5,
    windowMs: SECOND,
    burst: 40,
    refusal: LIMITED,
  },
  /** Recalls count too: they are written and told like a message. A long message counts as several (`countedMessage`). */
  sends: { counts: "messages", by: "person", count: 10, windowMs: SECOND, burst: 30, told: "each", refusal: LIMITED },
  sendsADay: {
    counts: "messages in a day",
    by: "person",
    count: 50_000,
    windowMs: DAY,
    told: "each",
    refusal: LIMITED,
  },
  /** Also those that change nothing. */
  marks: {
    counts: "likes and dislikes",
    by: "person",
    count: 5,
    windowMs: SECOND,
    burst: 20,
    told: "each",
    refusal: LIMITED,
  },
  marksADay: {
    counts: "likes and dislikes in a day",
    by: "person",
    count: 20_000,
    windowMs: DAY,
    told: "each",
    refusal: LIMITED,
  },
  readPlaces: { counts: "read places", by: "person", count: 20, windowMs: SECOND, burst: 60, refusal: LIMITED },
  /** Each is told to all devices of the person. */
  notificationMarks: {
    counts: "changes of notifications (seen, read, archived)",
    by: "person",
    count: 10,
    windowMs: SECOND,
    burst: 60,
    refusal: LIMITED,
  },
  profileChanges: {
    counts: "changes of your account",
    by: "person",
    count: 10,
    windowMs: MINUTE,
    told: "each",
    refusal: LIMITED,
  },
  /** Of sessions that are signed in: refreshing a token, signing devices out. */
  loginChanges: { counts: "changes of your logins", by: "person", count: 30, windowMs: MINUTE, refusal: LIMITED },
  roomChanges: {
    counts: "changes of rooms and their members",
    by: "person",
    count: 30,
    windowMs: MINUTE,
    told: "each",
    refusal: LIMITED,
  },
  ownSettings: {
    counts: "changes of your room settings",
    by: "person",
    count: 30,
    windowMs: MINUTE,
    refusal: LIMITED,
  },
  /** A direct room that is there already is not made, and not counted. */
  roomsMade: { counts: "new rooms", by: "person", count: 10, windowMs: MINUTE, told: "each", refusal: LIMITED },
  roomsMadeADay: {
    counts: "new rooms in a day",
    by: "person",
    count: 200,
    windowMs: DAY,
    told: "each",
    refusal: LIMITED,
  },
  /** To rooms new and old. */
  peopleAdded: {
    counts: "people added to rooms",
    by: "person",
    count: 2000,
    windowMs: MINUTE,
    told: "each",
    refusal: LIMITED,
  },
  peopleAddedADay: {
    counts: "people added to rooms in a day",
    by: "person",
    count: 20_000,
    windowMs: DAY,
    told: "each",
    refusal: LIMITED,
  },
  /** Somebody who has stolen an administrator's token has these too. */
  administration: {
    counts: "administrator actions",
    by: "person",
    count: 60,
    windowMs: MINUTE,
    told: "each",
    refusal: LIMITED,
  },
  administrationADay: {
    counts: "administrator actions in a day",
    by: "person",
    count: 2000,
    windowMs: DAY,
    told: "each",
    refusal: LIMITED,
  },
  /** Repeated ones count too. */
  friendRequests: {
    counts: "friend requests",
    by: "person",
    count: 10,
    windowMs: MINUTE,
    told: "each",
    refusal: LIMITED,
  },
  friendRequestsADay: {
    counts: "friend requests in a day",
    by: "person",
    count: 100,
    windowMs: DAY,
    told: "each",
    refusal: LIMITED,
  },
  /** Asking and withdrawing again and again would ring at somebody's door all day. */
  friendRequestsToOne: {
    counts: "friend requests to this person",
    by: "two people",
    count: 5,
    windowMs: DAY,
    told: "each",
    refusal: LIMITED,
  },
  contactChanges: {
    counts: "answers to friend requests and changes of friends and blocks",
    by: "person",
    count: 30,
    windowMs: MINUTE,
    told: "each",
    refusal: LIMITED,
  },
  /** By the external id, since each account has a uid of its own: what is counted by uid, and whoever has blocked it, begins anew with each. */
  accountsAgain: {
    counts: "new accounts by tokens of the product's own, after one was deleted",
    by: "person",
    count: 20,
    windowMs: DAY,
    told: "each",
    refusal: LIMITED,
  },
  qrSteps: { counts: "QR code actions", by: "person", count: 30, windowMs: MINUTE, refusal: LIMITED },
  typing: {
    counts: "typing signals",
    by: "person and room",
    count: 1,
    windowMs: 3 * SECOND,
    always: true,
    refusal: { silently: "dropped: the readers already know" },
  },
  presence: {
    counts: "people whose presence is requested",
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
  /** Each change of a notification counts everybody who has it, once more. A key may have a number of its own, and then ten times that at once, 1 000 at least. */
  keyRecipients: {
    counts: "people and rooms that get notifications and events of this key",
    by: "server key",
    count: 10_000,
    windowMs: SECOND,
    burst: 100_000,
    refusal: LIMITED,
  },
  /** The same for what goes to everybody: ten times the key's own number at once. */
  keyToAll: {
    counts: "notifications and events of this key to everybody",
    by: "server key",
    count: 1,
    windowMs: SECOND,
    burst: 10,
    refusal: LIMITED,
  },
  webhookChanges: {
    counts: "changes of webhooks and retries of dead letters",
    by: "person",
    count: 30,
    windowMs: MINUTE,
    refusal: LIMITED,
  },
  refusalsAtOnce: {
    counts: "429 answers without a delay (IPv6: by network)",
    by: "address",
    count: 5,
    windowMs: SECOND,
    burst: 10,
    always: true,
    refusal: { silently: "further ones come a second late" },
  },
  oddRequestsAtOnce: {
    counts:
      "requests with a malformed Host, and invalid handshakes, that are answered without a delay (IPv6: by network)",
    by: "address",
    count: 50,
    windowMs: SECOND,
    burst: 200,
    always: true,
    refusal: { silently: "further ones are answered a second late" },
  },
  refusalLines: {
    counts: "log lines for refusals and preflights",
    by: "address",
    count: 10,
    windowMs: SECOND,
    burst: 100,
    always: true,
    refusal: { silently: "further ones are counted, and the next line says how many" },
  },
  handshakes: {
    counts: "handshakes without a valid token from this address",
    by: "address",
    count: 10,
    windowMs: SECOND,
    burst: 50,
    told: "many",
    refusal: LIMITED,
  },
  handshakesOfNetwork: {
    counts: "handshakes without a valid token from this network",
    by: "network",
    count: 50,
    windowMs: SECOND,
    burst: 250,
    told: "many",
    refusal: LIMITED,
  },
} as const satisfies Record<string, RateRow>;

/** Rates that protect passwords, or of work for which nobody is signed in; several nodes may count them together: `SharedRate`, `redis/redis-rate.ts`. */
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
    counts: "failed sign-ins to this account from addresses that it does not know",
    by: "account",
    count: 50,
    windowMs: 10 * MINUTE,
    refusal: LIMITED,
  },
  /** Right ones count too, since each is work. */
  ownPasswords: {
    counts: "password checks for your account",
    by: "person",
    count: 10,
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
