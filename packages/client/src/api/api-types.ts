/*
 * Made by tools/client-api-types.ts out of the server's /openapi.json. Do not change it by hand.
 */

export type BlockedPerson = { uid: number; name: string; avatar: string };

export type Conversation = Room & {
  lastMessage: Message | null;
  unread: number;
  readSeq: number;
  pinned: boolean;
  muted: boolean;
};

export type Device = {
  id: number;
  ip: string;
  userAgent: string;
  place: string | null;
  createdAt: number;
  lastSeenAt: number;
  expiresAt: number;
  via: "password" | "qr" | "server";
  current: boolean;
};

export type Devices = { items: Device[]; nextCursor: string | null };

export type Doctor = {
  peerIp: string;
  forwarded: string | null;
  clientIp: string;
  scheme: "http" | "https";
  host: string;
  wsPort: number | null;
  warnings: string[];
  trustedProxies: string[] | null;
};

export type Events = { events: Frame[]; cursor: string; more: boolean };

export type Export = {
  account: {
    uid: number;
    externalId: string | null;
    name: string;
    avatar: string;
    power: 0 | 1;
    createdAt: number;
    createdIp: string;
    updatedAt: number;
    lastSeenAt: number;
  };
  addresses: { address: string; lastSignInAt: number }[];
  logins: {
    id: number;
    ip: string;
    userAgent: string;
    via: "password" | "qr" | "server";
    createdAt: number;
    lastSeenAt: number;
    expiresAt: number;
  }[];
  hall: { pinned: boolean; muted: boolean };
  rooms: {
    roomId: number;
    role: number;
    joinedAt: number;
    left: boolean;
    mutedUntil: number | null;
    pinned: boolean;
    muted: boolean;
  }[];
  friends: { uid: number; remark: string; since: number }[];
  blocks: { uid: number; since: number }[];
  friendRequests: {
    items: { id: number; userId: number; text: string; state: "open" | "accepted" | "rejected"; createdAt: number }[];
    nextCursor: string | null;
  };
  messages: {
    items: { id: number; roomId: number; sentAt: number; type: number; body: Record<string, unknown> | null }[];
    nextCursor: string | null;
  };
  marks: { items: { messageId: number; mark: "like" | "dislike" }[]; nextCursor: string | null };
  notifications: {
    items: {
      id: number;
      kind: string;
      title: string;
      text: string;
      link: string | null;
      data: unknown;
      at: number;
      expiresAt: number;
      read: boolean;
      archived: boolean;
    }[];
    nextCursor: string | null;
    seenUpTo: number;
    readUpTo: number;
  };
};

export type Frame = { type: number; stream?: string | undefined; seq?: number | undefined; data?: unknown | undefined };

export type Friend = {
  uid: number;
  name: string;
  avatar: string;
  remark: string;
  roomId: number;
  activeStatus: 1 | 2;
  lastOptTime: number | null;
};

export type FriendRequest = {
  id: number;
  uid: number;
  direction: "in" | "out";
  text: string;
  state: "open" | "accepted" | "rejected";
  read: boolean | null;
  createdAt: number;
};

export type Granted = { user: User; token: string; expiresAt: number };

export type ListedFriendRequest = FriendRequest & { name: string; avatar: string };

export type Me = { uid: number; name: string; avatar: string; power: 0 | 1; createdAt: number; asOf: string };

export type Member = {
  uid: number;
  role: number;
  joinedAt: number;
  mutedUntil: number | null;
  name: string;
  avatar: string;
  activeStatus: 1 | 2 | null;
  lastOptTime: number | null;
};

export type Message = {
  fromUser: { uid: number };
  message:
    | {
        id: number;
        roomId: number;
        sendTime: number;
        messageMark: { likeCount: number; userLike: 0 | 1; dislikeCount: number; userDislike: 0 | 1 };
        seq: number;
        no: number | null;
        clientId: string | null;
        type: 1;
        body: {
          content: string;
          urlContentMap: Record<string, unknown>;
          atUidList: number[];
          reply: {
            id: number;
            uid: number;
            username: string;
            type: number;
            body: string;
            canCallback: 0 | 1;
            gapCount: number;
          } | null;
        };
      }
    | {
        id: number;
        roomId: number;
        sendTime: number;
        messageMark: { likeCount: number; userLike: 0 | 1; dislikeCount: number; userDislike: 0 | 1 };
        seq: number;
        no: number | null;
        clientId: string | null;
        type: 2;
        body: string;
      }
    | {
        id: number;
        roomId: number;
        sendTime: number;
        messageMark: { likeCount: number; userLike: 0 | 1; dislikeCount: number; userDislike: 0 | 1 };
        seq: number;
        no: number | null;
        clientId: string | null;
        type: 8;
        body: string;
      }
    | {
        id: number;
        roomId: number;
        sendTime: number;
        messageMark: { likeCount: number; userLike: 0 | 1; dislikeCount: number; userDislike: 0 | 1 };
        seq: number;
        no: number | null;
        clientId: string | null;
        type: 100;
        body: {
          kind: string;
          text: string;
          data: unknown;
          atUidList: number[];
          reply: {
            id: number;
            uid: number;
            username: string;
            type: number;
            body: string;
            canCallback: 0 | 1;
            gapCount: number;
          } | null;
        };
      };
};

export type MessageMark = { likeCount: number; userLike: 0 | 1; dislikeCount: number; userDislike: 0 | 1 };

export type Notification = {
  id: number;
  kind: string;
  title: string;
  text: string;
  link: string | null;
  data: unknown;
  at: number;
  expiresAt: number;
  seen: boolean;
  read: boolean;
  archived: boolean;
  done: boolean;
};

export type NotificationCounts = { unseen: number; unread: number };

export type PresentState = { uid: number; activeStatus: 1 | 2; lastOptTime: number | null };

export type QrCode = { code: string; secret: string; url: string; expiresAt: number };

export type QrRequester = { ip: string; userAgent: string; place: string | null; requestedAt: number };

export type QrState = {
  state: "pending" | "scanned" | "confirmed" | "rejected" | "expired";
  token?: string | undefined;
  user?: User | undefined;
  expiresAt?: number | undefined;
};

export type ReadPlace = { roomId: number; readSeq: number; unread: number };

export type Receipt = { uid: number; seq: number };

export type RedDot = {
  total: number;
  rooms: { roomId: number; unread: number }[];
  friendRequests: number;
  notifications: number;
  asOf: string;
};

export type Room = {
  id: number;
  type: 1 | 2;
  name: string;
  avatar: string;
  memberCount: number | null;
  notice: string | null;
  ownerId: number | null;
  managed: boolean;
  muteAll: boolean;
  history: "all" | "joined";
  seq: number | null;
  role: number | null;
  userId: number | null;
  dissolvedAt: number | null;
};

export type RoomReply = Room & { asOf: string };

export type User = { uid: number; name: string; avatar: string; power: 0 | 1; createdAt: number };

export type Users = { items: User[]; nextCursor: string | null };
