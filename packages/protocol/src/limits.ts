/** Bounds that are part of the contract: a client may rely on them. Those an operator can change are in the server's config. */
export const LIMITS = {
  /** Bytes of the text of one inbound frame. */
  frameBytes: 8192,
  /** Bytes of an HTTP body (uploads apart). */
  bodyBytes: 65_536,
  /** Characters of a token, the longest being one of the product's own. */
  tokenLength: 4096,
  /** Code points of a text message, and of the text of a message of the product's own. */
  textCodePoints: 4096,
  /** Bytes of the `data` of a message of the product's own, as JSON in UTF-8. */
  customDataBytes: 8192,
  /** Characters of a `clientId`. */
  clientIdLength: 64,
  /** Code points of a user's name. */
  nameCodePoints: 32,
  passwordMin: 8,
  passwordMax: 256,
  roomNameCodePoints: 64,
  noticeCodePoints: 1024,
  /** People named in one request that adds members. */
  memberIdsPerRequest: 1000,
  mentions: 50,
  /** Items of a page. */
  pageDefault: 50,
  pageMax: 100,
  /** Bytes of a cursor that a client sends. */
  cursorBytes: 65_536,
  /** Events behind in one stream, beyond which a reader gets RESYNC `far`, unless it asks for more. */
  farPerStream: 1000,
  /** The same over all its streams. */
  farTotal: 10_000,
  /** The most that a reader may ask for with `max`. */
  farMax: 100_000,
  /** Streams that RESYNC names one by one; where there are more, one RESYNC for everything takes their place. */
  resyncStreams: 100,
  /** Frames that may arrive while a token is checked. */
  framesBeforeReady: 16,
  /** Broken frames in `badFramesMs` that cost a connection. */
  badFrames: 5,
  badFramesMs: 10_000,
  /** Milliseconds to send RESUME after READY, where `?resume=1` was asked for. */
  resumeWithinMs: 10_000,
  /** Seconds that `?idle=` may ask for. */
  idleSecondsMax: 120,
  /** Milliseconds in which people can recall their own message. */
  recallWithinMs: 120_000,
  /** Largest room whose members get presence, typing and receipts of each other. */
  presenceRoomMembers: 500,
  /** Most people that one `GET /presence` asks for. */
  presenceUserIds: 500,
  typingRoomMembers: 100,
  /** Largest room whose members are told by READ how far the others have read. */
  receiptRoomMembers: 100,
  qrLifetimeMs: 60_000,
} as const;
