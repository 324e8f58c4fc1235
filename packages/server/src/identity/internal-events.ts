import type { Ban } from "./banned.ts";

/**
 * Events that nodes tell each other through the log: revocations, states of QR codes. They are in one internal stream that every node
 * follows and no client can read, so they survive a lost bus and a restart like every other event.
 */
export const INTERNAL_STREAM = "internal";

/** Negative, so that none can be mistaken for a push. */
export const Internal = {
  /** `{loginIds}`: these logins ended; close their connections with 4001. */
  LOGINS_REVOKED: -1,
  /** `{code, state}`: a QR code was scanned, confirmed or rejected. */
  QR_CHANGED: -2,
  /** `{uid}`: name, picture or power changed; forget what is remembered of the user. */
  USER_CHANGED: -3,
  /** `{uid}`: the account was disabled; close its connections with 4003. */
  ACCOUNT_DISABLED: -4,
  /** `{keyId}`: a server key was made or revoked; forget what is remembered of the keys. */
  KEYS_CHANGED: -5,
  /** `{uid}`: the product's own tokens that were made until now are no longer valid; close their connections with 4001. */
  PRODUCT_LOGINS_ENDED: -6,
  /** `{uid, until, reason}`: a person was banned; end their connections as `banned`. */
  PERSON_BANNED: -11,
  /** `{cidr, ban}`: a range of addresses was banned, or, without a ban, is no longer banned. */
  ADDRESSES_BANNED: -12,
  /** `{roomId, uids}`: the room's next joining brings these people in without their knowledge; do not subscribe them. */
  JOINS_UNTOLD: -30,
  /** `{roomId, uids}`: people who were brought in like that know of it from now on; subscribe them. */
  JOINS_TOLD: -31,
  /** `{uid}`: an account was made, in whatever way. */
  PERSON_MADE: -20,
  /** `{webhookId}`: it was made, changed or removed. */
  WEBHOOKS_CHANGED: -21,
} as const;

export interface InternalData {
  [-1]: { loginIds: number[] };
  [-2]: { code: string; state: "scanned" | "confirmed" | "rejected" };
  [-3]: { uid: number };
  [-4]: { uid: number };
  [-5]: { keyId: number };
  [-6]: { uid: number };
  [-11]: { uid: number } & Ban;
  [-12]: { cidr: string; ban: Ban | null };
  [-30]: { roomId: number; uids: readonly number[] };
  [-31]: { roomId: number; uids: readonly number[] };
  [-20]: { uid: number };
  [-21]: { webhookId: number };
}

/** A draft for `append`. */
export function internalEvent<T extends keyof InternalData>(type: T, data: InternalData[T]) {
  const text = JSON.stringify(data);
  return { stream: INTERNAL_STREAM, type, data: () => text };
}
