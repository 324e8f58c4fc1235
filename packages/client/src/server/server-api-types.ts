/*
 * Made by tools/client-api-types.ts out of the server's /openapi.json. Do not change it by hand.
 */

import type { Message } from "../api/api-types.ts";

export type FeedEvent = {
  event:
    | "MESSAGE"
    | "RECALL"
    | "MARK"
    | "MEMBER_CHANGE"
    | "MEMBER_UPDATE"
    | "ROOM"
    | "FRIEND"
    | "BLACK"
    | "UNBLACK"
    | "user.created"
    | "RESYNC";
  type: number;
  stream?: string | undefined;
  seq?: number | undefined;
  at?: number | undefined;
  data?: unknown | undefined;
};

export type Problem = {
  type: string;
  title: string;
  status: number;
  code:
    | "invalid"
    | "cursor_malformed"
    | "handshake_invalid"
    | "unauthorized"
    | "forbidden"
    | "origin_forbidden"
    | "kind_not_allowed"
    | "muted"
    | "key_in_browser"
    | "scope_missing"
    | "account_disabled"
    | "banned"
    | "not_found"
    | "method_not_allowed"
    | "conflict"
    | "too_large"
    | "unsupported_media_type"
    | "name_taken"
    | "client_id_reused"
    | "dedupe_key_reused"
    | "qr_taken"
    | "qr_state"
    | "recall_too_late"
    | "already_recalled"
    | "reply_unknown"
    | "room_dissolved"
    | "room_full"
    | "too_many_rooms"
    | "hall_fixed"
    | "direct_fixed"
    | "room_managed"
    | "owner_cannot_leave"
    | "password_wrong"
    | "password_too_common"
    | "unknown_user"
    | "unknown_room"
    | "not_member"
    | "too_many_keys"
    | "too_many_bans"
    | "administrator_protected"
    | "address_protected"
    | "range_too_wide"
    | "already_friends"
    | "not_friends"
    | "too_many_friends"
    | "too_many_requests_open"
    | "request_closed"
    | "request_rejected"
    | "person_blocked"
    | "too_many_blocks"
    | "send_refused"
    | "too_many_webhooks"
    | "own_account"
    | "host_unknown"
    | "upgrade_required"
    | "rate_limited"
    | "header_too_large"
    | "internal"
    | "overloaded"
    | "draining"
    | "registration_closed"
    | "hook_unavailable"
    | "not_ready"
    | "too_many_connections"
    | "unknown_type"
    | "already_live"
    | string;
  detail?: string | undefined;
  errors?: { path: string; message: string }[] | undefined;
  userIds?: number[] | undefined;
  until?: number | null | undefined;
  reason?: string | undefined;
  scope?: "users" | "tokens" | "rooms" | "messages" | "notifications" | "events" | "presence" | "feed" | undefined;
  roomIds?: number[] | undefined;
  missingNodes?: string[] | undefined;
};

export type ServerFeed = { events: FeedEvent[]; cursor: string; more: boolean };

export type ServerMembersChanged = {
  added: (string | number)[];
  removed: (string | number)[];
  memberCount: number;
  skipped?: (string | number)[] | undefined;
};

export type ServerMessage =
  | {
      room?: string | number | undefined;
      direct?: (string | number)[] | undefined;
      from?: string | number | undefined;
      clientId: string;
      replyTo?: number | null | undefined;
      mentions?: ((string | number)[] | "all" | null) | undefined;
      type: 1;
      body: { content: string };
    }
  | {
      room?: string | number | undefined;
      direct?: (string | number)[] | undefined;
      from?: string | number | undefined;
      clientId: string;
      replyTo?: number | null | undefined;
      mentions?: ((string | number)[] | "all" | null) | undefined;
      type: 100;
      body: { kind: string; text: string; data?: unknown | undefined };
    };

export type ServerMessages = {
  items: (
    | {
        room?: string | number | undefined;
        direct?: (string | number)[] | undefined;
        from?: string | number | undefined;
        clientId: string;
        replyTo?: number | null | undefined;
        mentions?: ((string | number)[] | "all" | null) | undefined;
        type: 1;
        body: { content: string };
      }
    | {
        room?: string | number | undefined;
        direct?: (string | number)[] | undefined;
        from?: string | number | undefined;
        clientId: string;
        replyTo?: number | null | undefined;
        mentions?: ((string | number)[] | "all" | null) | undefined;
        type: 100;
        body: { kind: string; text: string; data?: unknown | undefined };
      }
  )[];
};

export type ServerNotificationChanged = { id: number; recipients: number };

export type ServerNotified = { id: number; recipients: number; skipped?: (string | number)[] | undefined };

export type ServerPerson = { uid: number; externalId: string | null; name: string; avatar: string; createdAt: number };

export type ServerPresence = {
  uid: number;
  externalId: string | null;
  activeStatus: 1 | 2;
  lastOptTime: number | null;
};

export type ServerPushed = { recipients: number; skipped?: (string | number)[] | undefined };

export type ServerRoom = {
  id: number;
  externalId: string | null;
  type: 1 | 2;
  name: string;
  avatar: string;
  notice: string;
  history: "all" | "joined";
  muteAll: boolean;
  ownerId: number | null;
  memberCount: number;
  seq: number;
  createdAt: number;
  dissolvedAt: number | null;
};

export type ServerToken = { token: string; expiresAt: number };

/** Each route for the product's own backend: what it takes and what it answers. */
export interface ServerRoutes {
  /** Make a person, or change their name or picture */
  "PUT /server/users/{user}": {
    args: { path: { user: string }; body?: { name?: string | undefined; avatar?: string | undefined } };
    reply: ServerPerson;
  };
  /** A person */
  "GET /server/users/{user}": { args: { path: { user: string } }; reply: ServerPerson };
  /** Delete a person */
  "DELETE /server/users/{user}": { args: { path: { user: string } }; reply: undefined };
  /** Make or change up to 100 people at once */
  "POST /server/users": {
    args: { body: { items: { externalId: string; name?: string | undefined; avatar?: string | undefined }[] } };
    reply: { items: { status: number; body: ServerPerson | Problem }[] };
  };
  /** Make a token with which one of the person's devices signs in */
  "POST /server/users/{user}/tokens": {
    args: { path: { user: string }; body?: { ttlSeconds?: number | undefined } };
    reply: ServerToken;
  };
  /** Sign a person out on all their devices */
  "DELETE /server/users/{user}/logins": { args: { path: { user: string } }; reply: undefined };
  /** Make a managed room, or change a room */
  "PUT /server/rooms/{room}": {
    args: {
      path: { room: string };
      body?: {
        name?: string | undefined;
        avatar?: string | undefined;
        notice?: string | undefined;
        history?: "all" | "joined" | undefined;
      };
    };
    reply: ServerRoom;
  };
  /** A room */
  "GET /server/rooms/{room}": { args: { path: { room: string } }; reply: ServerRoom };
  /** Dissolve a room */
  "DELETE /server/rooms/{room}": { args: { path: { room: string } }; reply: undefined };
  /** A room's history: backwards from the newest, or forwards after a message; a page is ascending */
  "GET /server/rooms/{room}/messages": {
    args: {
      path: { room: string };
      query?: { cursor?: string | undefined; after?: number | undefined; limit?: number | undefined };
    };
    reply: { items: Message[]; nextCursor: string | null; asOf: string };
  };
  /** Bring people into a group and take others out */
  "POST /server/rooms/{room}/members": {
    args: {
      path: { room: string };
      query?: { unknown?: "skip" | undefined };
      body?: { add?: (string | number)[] | undefined; remove?: (string | number)[] | undefined };
    };
    reply: ServerMembersChanged;
  };
  /** Send a message, or up to 100 at once; the same clientId again is answered with the first message */
  "POST /server/messages": {
    args: { body: ServerMessage | ServerMessages };
    reply: (Message | { items: { status: number; body: Message | Problem }[] }) | Message;
  };
  /** Which of these people are online, and how many people are online in all */
  "POST /server/presence": {
    args: { query?: { unknown?: "skip" | undefined }; body: { users: (string | number)[] } };
    reply: { items: ServerPresence[]; onlineNum: number; skipped?: (string | number)[] | undefined };
  };
  /** Send a notification to up to 1 000 people, or to everybody */
  "POST /server/notifications": {
    args: {
      query?: { unknown?: "skip" | undefined };
      body: {
        to: { users?: (string | number)[] | undefined; all?: true | undefined };
        kind: string;
        title: string;
        text: string;
        link?: string | undefined;
        data?: unknown | undefined;
        key?: string | undefined;
        dedupeKey?: string | undefined;
        collapseKey?: string | undefined;
        ttl?: number | undefined;
      };
    };
    reply: ServerNotified;
  };
  /** Change a notification for everybody who has it */
  "PATCH /server/notifications/{id}": {
    args: {
      path: { id: number };
      body?: {
        title?: string | undefined;
        text?: string | undefined;
        link?: string | null | undefined;
        data?: unknown | undefined;
        done?: boolean | undefined;
      };
    };
    reply: ServerNotificationChanged;
  };
  /** Settle a matter: its notifications no longer make a dot for anybody */
  "PUT /server/notifications/{kind}/{key}/done": { args: { path: { kind: string; key: string } }; reply: undefined };
  /** Take the notifications of a matter back from everybody who has them */
  "DELETE /server/notifications/{kind}/{key}": { args: { path: { kind: string; key: string } }; reply: undefined };
  /** Push an event of your own to up to 1 000 people, to up to 100 rooms, or to everybody */
  "POST /server/events": {
    args: {
      query?: { unknown?: "skip" | undefined };
      body: {
        to: {
          users?: (string | number)[] | undefined;
          rooms?: (string | number)[] | undefined;
          all?: true | undefined;
        };
        kind: string;
        data: unknown;
        dedupeKey?: string | undefined;
        collapseKey?: string | undefined;
        ttl?: number | undefined;
        log?: boolean | undefined;
      };
    };
    reply: ServerPushed;
  };
  /** What has happened since a cursor: at once, or with `wait` as soon as there is something */
  "GET /server/feed": {
    args: { query?: { cursor?: string | undefined; limit?: number | undefined; wait?: number | undefined } };
    reply: ServerFeed;
  };
}
