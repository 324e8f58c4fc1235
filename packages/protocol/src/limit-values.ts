/* The values of `LIMITS`, one by one, so that pages load those that they use. */

/** Bytes of the text of one inbound frame. */
export const frameBytes = 8192;
/** Bytes of an HTTP body (uploads apart). */
export const bodyBytes = 65_536;
/** Characters of a token, the longest being one of the product's own. */
export const tokenLength = 4096;
/** Code points of a text message, and of the text of a message of the product's own. */
export const textCodePoints = 4096;
/** Bytes of the `data` of one of the product's own messages, as JSON in UTF-8. */
export const customDataBytes = 8192;
/** Characters of a `clientId`. */
export const clientIdLength = 64;
/** Code points of a user's name. */
export const nameCodePoints = 32;
export const passwordMin = 8;
export const passwordMax = 256;
export const roomNameCodePoints = 64;
export const noticeCodePoints = 1024;
/** Code points of what somebody writes with a friend request. */
export const friendTextCodePoints = 200;
/** Code points of a person's name for a friend. */
export const remarkCodePoints = 64;
/** People named in one request that adds members. */
export const memberIdsPerRequest = 1000;
export const mentions = 50;
/** Items of a page. */
export const pageDefault = 50;
export const pageMax = 100;
/** Bytes of a cursor that a client sends. */
export const cursorBytes = 65_536;
/** How many events a reader may be behind in one stream before it gets RESYNC `far`, unless it asks for more. */
export const farPerStream = 1000;
/** The same across all its streams. */
export const farTotal = 10_000;
/** The most that a reader may ask for with `max`. */
export const farMax = 100_000;
/** Streams that RESYNC names one by one; if there are more, one RESYNC for everything replaces them. */
export const resyncStreams = 100;
/** Frames that may arrive while a token is checked. */
export const framesBeforeReady = 16;
/** Broken frames in `badFramesMs` that cost a connection. */
export const badFrames = 5;
export const badFramesMs = 10_000;
/** Milliseconds to send RESUME after READY, with `?resume=1`. */
export const resumeWithinMs = 10_000;
/** Seconds that `?idle=` may ask for. */
export const idleSecondsMax = 120;
/** Milliseconds in which people can recall their own message. */
export const recallWithinMs = 120_000;
/** Largest room whose members get presence, typing and receipts of each other. */
export const presenceRoomMembers = 500;
/** Most people that one `GET /presence` asks for. */
export const presenceUserIds = 500;
export const typingRoomMembers = 100;
/** Largest room whose members are told by READ how far the others have read. */
export const receiptRoomMembers = 100;
/** Notifications that one request names. */
export const notificationIds = 100;
export const qrLifetimeMs = 60_000;
