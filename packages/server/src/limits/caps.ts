import { LIMITS } from "@parley/protocol";
import type { BoundRow, Refusal } from "./row.ts";

const LIMITED: Refusal = { code: "rate_limited" };
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
    counts: "requests in flight, except event streams, waiting polls and requests with a valid server key",
    by: "address",
    count: 256,
    refusal: LIMITED,
  },
  requestsPerTurn: {
    counts: "requests that are begun in one turn of the event loop, fewer if they take long",
    by: "process",
    count: 128,
    refusal: { silently: "the others wait for their turn, in a line for each address" },
  },
  connectionsPerPerson: {
    counts: "live connections and waiting polls; the oldest is ended",
    by: "person",
    count: 20,
    refusal: { close: 4029 },
    setting: "MAX_CONNECTIONS_PER_USER",
  },
  anonymousConnections: { counts: "anonymous connections", by: "address", count: 200, refusal: LIMITED },
  queueBytes: {
    counts: "data that waits for a slow reader",
    by: "connection",
    count: 1_048_576,
    unit: "bytes",
    refusal: { close: 1006 },
    setting: "MAX_QUEUE_BYTES",
  },
  anonymousConnectionsOfNetwork: {
    counts: "anonymous connections",
    by: "network",
    count: 1000,
    refusal: LIMITED,
  },
  logBytes: {
    counts: "log lines that wait while the log's reader does not read",
    by: "process",
    count: 1_048_576,
    unit: "bytes",
    refusal: { silently: "later lines are left out, and a line says how many" },
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
    counts: "the server's own requests that wait until there are no others",
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
    counts: "rows that the writer takes at once; a larger request runs alone",
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
  tokensAtOnce: {
    counts: "the product's own tokens checked at once",
    by: "process",
    count: 16,
    refusal: { silently: "the others wait for their turn" },
  },
  tokensWaiting: {
    counts: "the product's own tokens that wait to be checked",
    by: "process",
    count: 5000,
    refusal: OVERLOADED,
  },
  tokensWaitingForKeys: {
    counts: "the product's own tokens that wait for its keys",
    by: "process",
    count: 5000,
    refusal: OVERLOADED,
  },
  qrWatchers: { counts: "requests that wait for QR codes", by: "process", count: 20_000, refusal: OVERLOADED },
  qrWatchersPerCode: { counts: "requests that wait for one QR code", by: "code", count: 4, refusal: OVERLOADED },
  /**
   * Lists, pages of history, exports, polls, and rooms that are made or filled: for them the thread that serves everybody reads or parses a
   * lot. Without a login they count for the address.
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
    counts:
      "large replies that wait for their readers; for a person or address that already has some, as much as is still free of the first half",
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
  /** One has its turn at a time, followed by a rest that is as long as it took. */
  readsWaiting: {
    counts: "heavy reads of everybody that wait for their turn",
    by: "process",
    count: 2000,
    refusal: OVERLOADED,
  },
  strangersReadsWaiting: {
    counts: "heavy reads without a login that wait for their turn",
    by: "process",
    count: 1000,
    refusal: OVERLOADED,
  },
  heavyWait: {
    counts: "how long a heavy request waits for its turn",
    by: "request",
    count: 5,
    unit: "seconds",
    refusal: LIMITED,
  },
  hangingFeeds: {
    counts: "requests for the feed that wait for an event; the oldest is answered",
    by: "server key",
    count: 8,
    refusal: { silently: "an empty page" },
  },
  webhooks: { counts: "webhooks", by: "database", count: 10, refusal: { code: "too_many_webhooks" } },
  deliveries: {
    counts: "deliveries to a webhook at once, each of a different stream",
    by: "webhook",
    count: 8,
    refusal: { silently: "the others wait for their turn" },
  },
  webhookLanes: {
    counts: "streams of a webhook that are behind and delivered separately",
    by: "webhook",
    count: 1000,
    refusal: { silently: "it gets no new events meanwhile; they stay in the log" },
  },
  webhookWait: {
    counts: "how long a webhook may take to answer",
    by: "request",
    count: 10,
    unit: "seconds",
    refusal: { silently: "the delivery is tried again later" },
  },
  hookAtOnce: {
    counts: "questions to the hook before a send at once, one for each person",
    by: "process",
    count: 64,
    refusal: { silently: "the others wait for their turn" },
  },
  hookWaiting: {
    counts: "messages that wait for the hook before a send",
    by: "person",
    count: 30,
    refusal: LIMITED,
  },
  hookLine: {
    counts: "people whose messages wait for the hook before a send",
    by: "process",
    count: 5000,
    refusal: { silently: "counts as no answer" },
  },
  hookVerdicts: {
    counts: "answers of the hook before a send that are remembered for ten minutes",
    by: "process",
    count: 10_000,
    refusal: { silently: "it is asked again" },
  },
  deadLetters: {
    counts: "dead letters (places of events that were given up)",
    by: "webhook",
    count: 10_000,
    refusal: { silently: "the oldest are dropped, and a log line says how many" },
  },
  presenceTellings: {
    counts: "lists of people who came online and went offline that wait for a webhook",
    by: "webhook",
    count: 100,
    refusal: { silently: "the oldest is dropped" },
  },
  serverKeys: { counts: "server keys", by: "database", count: 100, refusal: { code: "too_many_keys" } },
  notifications: {
    counts: "notifications kept for a person, and notifications to everybody",
    by: "person",
    count: 1000,
    refusal: { silently: "the oldest is taken back" },
  },
  bans: {
    counts: "bans, of people and of addresses",
    by: "database",
    count: 10_000,
    refusal: { code: "too_many_bans" },
  },
  auditLines: {
    counts: "acts of administrators and operators that are kept",
    by: "database",
    count: 100_000,
    refusal: { silently: "the oldest are removed" },
  },
  auditDays: {
    counts: "how long the acts of administrators and operators are kept",
    by: "database",
    count: 365,
    unit: "days",
    refusal: { silently: "older ones are removed when others are added" },
  },
  roomsPerPerson: {
    counts: "rooms of a person that are not dissolved, without the hall",
    by: "person",
    count: 5000,
    refusal: { code: "too_many_rooms" },
  },
  /** They cannot leave those rooms, so there must be few enough not to slow down reading the others. */
  untoldRooms: {
    counts: "rooms that blocked people have brought a person into without their knowledge",
    by: "person",
    count: 1000,
    refusal: { code: "too_many_rooms" },
  },
  roomMembers: { counts: "members", by: "room", count: 10_000, refusal: { code: "room_full" } },
  friends: { counts: "friends", by: "person", count: 5000, refusal: { code: "too_many_friends" } },
  requestsMade: {
    counts: "friend requests that a person has made and that wait for an answer",
    by: "person",
    count: 100,
    refusal: { code: "too_many_requests_open" },
  },
  requestsGot: {
    counts: "friend requests that wait for a person's answer",
    by: "person",
    count: 100,
    refusal: { code: "too_many_requests_open" },
  },
  blocks: {
    counts: "people whom a person has blocked",
    by: "person",
    count: 1000,
    refusal: { code: "too_many_blocks" },
  },
  knownRequesters: {
    counts: "addresses and devices that an account knows",
    by: "person",
    count: 40,
    refusal: { silently: "the longest unused one is forgotten" },
  },
  logins: {
    counts: "devices that are signed in",
    by: "person",
    count: 100,
    refusal: { silently: "the longest unused one is signed out" },
  },
  behindInStream: {
    counts: "how many events a reader may be behind in one stream; more with `max`",
    by: "reader",
    count: LIMITS.farPerStream,
    refusal: { silently: "RESYNC `far`" },
  },
  behindInAll: {
    counts: "how many events a reader may be behind in all streams",
    by: "reader",
    count: LIMITS.farTotal,
    refusal: { silently: "RESYNC `far`" },
  },
  behindMost: {
    counts: "the largest `max` of a reader",
    by: "reader",
    count: LIMITS.farMax,
    refusal: INVALID,
  },
} as const satisfies Record<string, BoundRow>;
