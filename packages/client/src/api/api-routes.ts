/*
 * Made by tools/client-api-types.ts out of the server's /openapi.json. Do not change it by hand.
 */

import type {
  BlockedPerson,
  Conversation,
  Devices,
  Doctor,
  Events,
  Export,
  Friend,
  FriendRequest,
  Granted,
  ListedFriendRequest,
  Me,
  Member,
  Message,
  MessageMark,
  Notification,
  NotificationCounts,
  PresentState,
  QrCode,
  QrRequester,
  QrState,
  ReadPlace,
  Receipt,
  RedDot,
  RoomReply,
  User,
  Users,
} from "./api-types.ts";

/** Each route below /api/v1, but for those of administrators: what it takes and what it answers. */
export interface PeopleRoutes {
  /** Make an account and sign in to it */
  "POST /accounts": { args: { body: { name: string; password: string } }; reply: Granted };
  /** Sign in with name and password */
  "POST /logins": { args: { body: { name: string; password: string } }; reply: Granted };
  /** My signed-in devices, newest first */
  "GET /logins": { args: { query?: { cursor?: string | undefined; limit?: number | undefined } }; reply: Devices };
  /** Sign out everywhere, including here */
  "DELETE /logins": { args: object; reply: undefined };
  /** A new token for this login, which then lives 30 days from now */
  "POST /logins/refresh": { args: { query?: { keepToken?: "true" | "false" | undefined } }; reply: Granted };
  /** Sign this device out */
  "DELETE /logins/current": { args: object; reply: undefined };
  /** Sign one device out */
  "DELETE /logins/{id}": { args: { path: { id: number } }; reply: undefined };
  /** Myself */
  "GET /me": { args: object; reply: Me };
  /** Change my name or picture */
  "PATCH /me": { args: { body?: { name?: string | undefined; avatar?: string | undefined } }; reply: User };
  /** Delete my account */
  "DELETE /me": { args: { body?: { password?: string | undefined } }; reply: undefined };
  /** Change my password */
  "PUT /me/password": {
    args: { body: { password: string; newPassword: string; endOtherLogins?: boolean | undefined } };
    reply: undefined;
  };
  /** Everything stored about me */
  "GET /me/export": {
    args: {
      query?: {
        cursor?: string | undefined;
        marksCursor?: string | undefined;
        requestsCursor?: string | undefined;
        notificationsCursor?: string | undefined;
      };
    };
    reply: Export;
  };
  /** A person */
  "GET /users/{id}": { args: { path: { id: number } }; reply: User };
  /** People by their ids, or by the beginning of their names */
  "GET /users": {
    args: {
      query?: {
        ids?: string | undefined;
        query?: string | undefined;
        limit?: number | undefined;
        cursor?: string | undefined;
      };
    };
    reply: Users;
  };
  /** Make a QR code that signs in the device that shows it, once a phone confirms */
  "POST /qr-logins": { args: object; reply: QrCode };
  /** The code's state, for the device that requested it */
  "GET /qr-logins/{code}": {
    args: {
      path: { code: string };
      query?: { wait?: number | undefined };
      headers?: { "x-qr-secret"?: string | undefined };
    };
    reply: QrState;
  };
  /** Bind the code to this login and see which device asks */
  "POST /qr-logins/{code}/scan": { args: { path: { code: string } }; reply: QrRequester };
  /** Sign the requester in */
  "POST /qr-logins/{code}/confirm": { args: { path: { code: string } }; reply: undefined };
  /** Reject the requester */
  "POST /qr-logins/{code}/reject": { args: { path: { code: string } }; reply: undefined };
  /** My rooms, newest activity first */
  "GET /rooms": {
    args: { query?: { cursor?: string | undefined; limit?: number | undefined } };
    reply: { items: Conversation[]; nextCursor: string | null; asOf: string };
  };
  /** Make a group; without members it is a group of one */
  "POST /rooms": {
    args: {
      body?: {
        name?: string | null | undefined;
        memberIds?: number[] | undefined;
        history?: "all" | "joined" | undefined;
      };
    };
    reply: RoomReply;
  };
  /** Open the direct room with somebody; there is one for each pair of people */
  "POST /rooms/direct": { args: { body: { userId: number } }; reply: RoomReply };
  /** A room; if the hall is not public, anonymous readers see only its name */
  "GET /rooms/{id}": { args: { path: { id: number } }; reply: RoomReply };
  /** Change a room: the owner and admins may */
  "PATCH /rooms/{id}": {
    args: {
      path: { id: number };
      body?: {
        name?: string | undefined;
        avatar?: string | undefined;
        notice?: string | undefined;
        muteAll?: boolean | undefined;
        history?: "all" | "joined" | undefined;
      };
    };
    reply: RoomReply;
  };
  /** Dissolve a group: only its owner may */
  "DELETE /rooms/{id}": { args: { path: { id: number } }; reply: undefined };
  /** Pin or mute a room for myself, on all my devices */
  "PATCH /rooms/{id}/settings": {
    args: { path: { id: number }; body?: { pinned?: boolean | undefined; muted?: boolean | undefined } };
    reply: { roomId: number; pinned: boolean; muted: boolean };
  };
  /** The members of a room; in the hall that is everybody */
  "GET /rooms/{id}/members": {
    args: { path: { id: number }; query?: { cursor?: string | undefined; limit?: number | undefined } };
    reply: { items: Member[]; nextCursor: string | null; asOf: string };
  };
  /** Bring people into a group: any member may */
  "POST /rooms/{id}/members": {
    args: { path: { id: number }; body: { memberIds: number[] } };
    reply: { roomId: number; added: number[]; memberCount: number };
  };
  /** Leave a group, or remove somebody from it */
  "DELETE /rooms/{id}/members/{uid}": { args: { path: { id: number; uid: number } }; reply: undefined };
  /** Make a member an admin or an ordinary member: only the owner may */
  "PUT /rooms/{id}/members/{uid}/role": {
    args: { path: { id: number; uid: number }; body: { role: 2 | 3 } };
    reply: { roomId: number; uid: number; role: number };
  };
  /** Transfer the ownership of a group to another member: only its owner may */
  "PUT /rooms/{id}/owner": {
    args: { path: { id: number }; body: { uid: number } };
    reply: { roomId: number; ownerId: number };
  };
  /** Mute a member of a group: the owner may, and admins may mute ordinary members */
  "PUT /rooms/{id}/members/{uid}/mute": {
    args: { path: { id: number; uid: number }; body: { until: number | null } };
    reply: { roomId: number; uid: number; mutedUntil: number };
  };
  /** Let a muted member write again */
  "DELETE /rooms/{id}/members/{uid}/mute": { args: { path: { id: number; uid: number } }; reply: undefined };
  /** Which of these people are online, and how many people are online in all */
  "GET /presence": {
    args: { query?: { userIds?: string | undefined } };
    reply: { items: PresentState[]; onlineNum: number };
  };
  /** Send a message; the same clientId again is answered with the first message */
  "POST /rooms/{id}/messages": {
    args: {
      path: { id: number };
      body:
        | {
            clientId: string;
            type: 1;
            body: { content: string };
            replyTo?: number | null | undefined;
            mentions?: (number[] | "all" | null) | undefined;
          }
        | {
            clientId: string;
            type: 100;
            body: { kind: string; text: string; data?: unknown | undefined };
            replyTo?: number | null | undefined;
            mentions?: (number[] | "all" | null) | undefined;
          };
    };
    reply: Message;
  };
  /** History: backwards from the newest, forwards after a message, or around one; a page is ascending */
  "GET /rooms/{id}/messages": {
    args: {
      path: { id: number };
      query?: {
        cursor?: string | undefined;
        after?: number | undefined;
        around?: number | undefined;
        limit?: number | undefined;
      };
    };
    reply: { items: Message[]; nextCursor: string | null; asOf: string };
  };
  /** One message */
  "GET /messages/{id}": { args: { path: { id: number } }; reply: Message };
  /** Recall a message: its sender within two minutes, an administrator at any time */
  "DELETE /messages/{id}": { args: { path: { id: number } }; reply: Message };
  /** Like or dislike a message: each replaces the other */
  "PUT /messages/{id}/marks/{mark}": { args: { path: { id: number; mark: "like" | "dislike" } }; reply: MessageMark };
  /** Take my like or dislike away */
  "DELETE /messages/{id}/marks/{mark}": {
    args: { path: { id: number; mark: "like" | "dislike" } };
    reply: MessageMark;
  };
  /** Ask somebody to be friends; if they have asked me, this accepts */
  "POST /friend-requests": { args: { body: { userId: number; text?: string | undefined } }; reply: FriendRequest };
  /** Friend requests that I have made and received, newest first */
  "GET /friend-requests": {
    args: { query?: { cursor?: string | undefined; limit?: number | undefined } };
    reply: { items: ListedFriendRequest[]; nextCursor: string | null; asOf: string };
  };
  /** Mark the requests up to this id as read */
  "PUT /friend-requests/read": { args: { body: { upTo: number } }; reply: { friendRequests: number } };
  /** Withdraw a friend request that I have made */
  "DELETE /friend-requests/{id}": { args: { path: { id: number } }; reply: undefined };
  /** Accept a friend request: we become friends and have a direct room */
  "POST /friend-requests/{id}/accept": { args: { path: { id: number } }; reply: FriendRequest };
  /** Reject a friend request */
  "POST /friend-requests/{id}/reject": { args: { path: { id: number } }; reply: FriendRequest };
  /** My friends */
  "GET /friends": {
    args: { query?: { cursor?: string | undefined; limit?: number | undefined } };
    reply: { items: Friend[]; nextCursor: string | null; asOf: string };
  };
  /** Give a friend another name, which only I see */
  "PATCH /friends/{uid}": {
    args: { path: { uid: number }; body: { remark: string } };
    reply: { uid: number; remark: string };
  };
  /** End a friendship, for both */
  "DELETE /friends/{uid}": { args: { path: { uid: number } }; reply: undefined };
  /** People whom I have blocked */
  "GET /blocks": {
    args: { query?: { cursor?: string | undefined; limit?: number | undefined } };
    reply: { items: BlockedPerson[]; nextCursor: string | null; asOf: string };
  };
  /** Block somebody; they are not told */
  "PUT /blocks/{uid}": { args: { path: { uid: number } }; reply: undefined };
  /** End a block */
  "DELETE /blocks/{uid}": { args: { path: { uid: number } }; reply: undefined };
  /** Everything unread; rooms with nothing unread are left out */
  "GET /unread": { args: object; reply: RedDot };
  /** Mark this room as read up to this seq; the place only moves forward */
  "PUT /rooms/{id}/read": { args: { path: { id: number }; body: { seq: number } }; reply: ReadPlace };
  /** The people who have read a message of mine, or who have not */
  "GET /messages/{id}/receipts": {
    args: {
      path: { id: number };
      query: { cursor?: string | undefined; limit?: number | undefined; state: "read" | "unread" };
    };
    reply: { items: Receipt[]; nextCursor: string | null };
  };
  /** My notifications, newest first */
  "GET /notifications": {
    args: {
      query?: {
        cursor?: string | undefined;
        limit?: number | undefined;
        state?: "unread" | "all" | "archived" | undefined;
      };
    };
    reply: {
      items: Notification[];
      nextCursor: string | null;
      unseen: number;
      unread: number;
      upTo: number;
      asOf: string;
    };
  };
  /** Mark notifications as seen: they no longer make a dot */
  "PUT /notifications/seen": { args: { body: { upTo: number } }; reply: NotificationCounts };
  /** Mark notifications as read: all up to an id, or some by their ids */
  "PUT /notifications/read": {
    args: { body?: { upTo?: number | undefined; ids?: number[] | undefined } };
    reply: NotificationCounts;
  };
  /** Archive notifications: they leave my list */
  "PUT /notifications/archive": { args: { body: { ids: number[] } }; reply: NotificationCounts };
  /** Events since a cursor: at once, or with `wait` as soon as there is one */
  "GET /events": {
    args: {
      query?: {
        cursor?: string | undefined;
        limit?: number | undefined;
        max?: number | undefined;
        wait?: number | undefined;
      };
    };
    reply: Events;
  };
  /** Events since a cursor: at once, or with `wait` as soon as there is one; for cursors too long for an address */
  "POST /events": {
    args: {
      body?: {
        cursor?: string | null | undefined;
        limit?: number | null | undefined;
        max?: number | null | undefined;
        wait?: number | null | undefined;
      };
    };
    reply: Events;
  };
  /** What the server sees of this request, and what looks wrong about the proxies in between */
  "GET /doctor": { args: object; reply: Doctor };
}
