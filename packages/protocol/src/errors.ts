/**
 * Every error code that a client can meet, in HTTP problem documents (RFC 9457) and in ERROR frames. `status` is the
 * HTTP status; `retry` says whether the same request can succeed later without being changed.
 */
export interface ErrorRow {
  readonly status: number;
  readonly title: string;
  readonly retry: boolean;
}

export const ERRORS = {
  invalid: { status: 400, title: "The request is not valid", retry: false },
  cursor_malformed: { status: 400, title: "The cursor is not one that this server issued", retry: false },
  handshake_invalid: { status: 400, title: "This is not a valid WebSocket handshake", retry: false },
  unauthorized: { status: 401, title: "Sign in first", retry: false },
  forbidden: { status: 403, title: "You may not do this", retry: false },
  origin_forbidden: { status: 403, title: "This origin is not allowed", retry: false },
  kind_not_allowed: { status: 403, title: "People may not send messages of this kind here", retry: false },
  muted: { status: 403, title: "You are muted in this room", retry: false },
  key_in_browser: { status: 403, title: "A server key does not belong in a browser", retry: false },
  scope_missing: { status: 403, title: "This server key does not have the scope for this", retry: false },
  account_disabled: { status: 403, title: "This account has been disabled", retry: false },
  banned: { status: 403, title: "You have been banned", retry: false },
  not_found: { status: 404, title: "This does not exist, or you may not see it", retry: false },
  method_not_allowed: { status: 405, title: "This method is not allowed here", retry: false },
  conflict: { status: 409, title: "This conflicts with the current state", retry: false },
  too_large: { status: 413, title: "The request is too large", retry: false },
  unsupported_media_type: { status: 415, title: "The body must be JSON (application/json)", retry: false },
  name_taken: { status: 409, title: "This name is taken", retry: false },
  client_id_reused: { status: 409, title: "This clientId was already used for another message", retry: false },
  dedupe_key_reused: { status: 409, title: "This dedupeKey was already used for another request", retry: false },
  qr_taken: { status: 409, title: "Another login has scanned this code", retry: false },
  qr_state: { status: 409, title: "The QR code is not in a state that allows this", retry: false },
  recall_too_late: { status: 422, title: "It is too late to recall this message", retry: false },
  already_recalled: { status: 422, title: "This message has already been recalled", retry: false },
  reply_unknown: { status: 422, title: "The message that this replies to is not in this room", retry: false },
  room_dissolved: { status: 422, title: "This room has been dissolved", retry: false },
  room_full: { status: 422, title: "This room is full", retry: false },
  too_many_rooms: { status: 422, title: "Somebody is in too many rooms", retry: false },
  hall_fixed: { status: 422, title: "Everybody is in the hall; its members cannot be changed", retry: false },
  direct_fixed: { status: 422, title: "A direct room is for two people; its members cannot be changed", retry: false },
  room_managed: {
    status: 422,
    title: "This room is managed by the product; its members may only leave it",
    retry: false,
  },
  owner_cannot_leave: { status: 422, title: "Transfer ownership or dissolve the room first", retry: false },
  password_wrong: { status: 422, title: "The password is wrong", retry: false },
  password_too_common: { status: 422, title: "This password is too easy to guess; choose another", retry: false },
  unknown_user: { status: 422, title: "There is no such user", retry: false },
  unknown_room: { status: 422, title: "There is no such room", retry: false },
  not_member: { status: 422, title: "The sender is not in this room", retry: false },
  too_many_keys: {
    status: 422,
    title: "There are too many server keys; revoke one first",
    retry: false,
  },
  too_many_bans: { status: 422, title: "There are too many bans; end some first", retry: false },
  administrator_protected: {
    status: 422,
    title: "This cannot be done to an administrator; revoke their power first",
    retry: false,
  },
  address_protected: {
    status: 422,
    title: "This machine's own addresses, trusted proxies and your own address cannot be banned",
    retry: false,
  },
  range_too_wide: { status: 422, title: "This range has too many addresses to be banned at once", retry: false },
  already_friends: { status: 422, title: "You are already friends", retry: false },
  not_friends: { status: 422, title: "Only friends may do this here", retry: false },
  too_many_friends: { status: 422, title: "Somebody has too many friends", retry: false },
  too_many_requests_open: { status: 422, title: "Too many friend requests are waiting for an answer", retry: false },
  request_closed: { status: 422, title: "This request has already been answered", retry: false },
  request_rejected: {
    status: 422,
    title: "This person has rejected your request; wait before asking again",
    retry: false,
  },
  person_blocked: { status: 422, title: "You have blocked this person; unblock them first", retry: false },
  too_many_blocks: { status: 422, title: "You have blocked too many people; unblock somebody first", retry: false },
  send_refused: { status: 422, title: "The product refused this message", retry: false },
  too_many_webhooks: {
    status: 422,
    title: "There are too many webhooks; remove one first",
    retry: false,
  },
  own_account: { status: 422, title: "You cannot do this to yourself", retry: false },
  host_unknown: { status: 421, title: "This server does not have this host name", retry: false },
  upgrade_required: { status: 426, title: "This server speaks WebSocket version 13", retry: false },
  rate_limited: { status: 429, title: "Too many requests", retry: true },
  header_too_large: { status: 431, title: "The request's header is too large", retry: false },
  internal: { status: 500, title: "Something went wrong on the server; it has been logged", retry: true },
  overloaded: { status: 503, title: "The server is overloaded", retry: true },
  draining: { status: 503, title: "The server is restarting", retry: true },
  registration_closed: { status: 403, title: "Registration is closed on this server", retry: false },
  hook_unavailable: {
    status: 503,
    title: "The product cannot be asked at the moment whether this may be sent",
    retry: true,
  },
  not_ready: { status: 503, title: "The server is not ready", retry: true },
  // Only on a live connection:
  too_many_connections: { status: 429, title: "You have too many connections; the oldest one was closed", retry: true },
  unknown_type: { status: 400, title: "No command has this type", retry: false },
  already_live: { status: 409, title: "This connection is already live", retry: false },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;
