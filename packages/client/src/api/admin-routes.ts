/*
 * Made by tools/client-api-types.ts out of the server's /openapi.json. Do not change it by hand.
 */

export type Act = {
  id: number;
  at: number;
  uid: number | null;
  name: string | null;
  ip: string;
  act:
    | "user.add"
    | "user.set"
    | "user.disable"
    | "user.enable"
    | "user.delete"
    | "user.ban"
    | "user.unban"
    | "user.look"
    | "addresses.ban"
    | "addresses.unban"
    | "connection.close"
    | "key.add"
    | "key.revoke"
    | "webhook.add"
    | "webhook.change"
    | "webhook.remove";
  target: string;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
};

export type Ban = {
  id: number;
  uid: number | null;
  name: string | null;
  cidr: string | null;
  until: number | null;
  reason: string;
  createdAt: number;
  createdBy: number;
};

export type Connection = {
  id: string;
  node: string;
  transport: "websocket" | "sse" | "poll";
  uid: number | null;
  ip: string;
  userAgent: string;
  state: string;
  rooms: number;
  queuedBytes: number;
  lastFrameAt: number;
  since: number;
};

export type DeadLetter = {
  pos: number;
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
    | "message.offline"
    | "online"
    | "offline"
    | "unknown";
  stream: string;
  seq: number;
  at: number;
  diedAt: number;
  attempts: number;
  reason: string;
};

export type LivePerson = {
  uid: number;
  name: string;
  power: 0 | 1;
  disabled: boolean;
  ban: { until: number | null; reason: string } | null;
  activeStatus: 1 | 2;
  lastOptTime: number | null;
  rooms: number;
  unread: number;
  connections: Connection[];
  missingNodes: string[];
  events: {
    stream: string;
    pos: number;
    seq: number;
    type: number;
    at: number;
    messageId: number | null;
    data?: unknown | undefined;
  }[];
};

export type MadeBan = {
  id: number;
  uid: number | null;
  cidr: string | null;
  until: number | null;
  reason: string;
  createdAt: number;
  createdBy: number;
};

export type NewServerKey = { id: number; key: string };

export type ServerKey = {
  id: number;
  name: string;
  scopes: ("users" | "tokens" | "rooms" | "messages" | "notifications" | "events" | "presence" | "feed")[];
  createdAt: number;
  expiresAt: number | null;
  lastUsedAt: number | null;
  rate: number | null;
  recipientsRate: number | null;
  allRate: number | null;
};

export type Webhook = {
  id: number;
  url: string;
  events:
    | (
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
        | "message.offline"
        | "online"
        | "offline"
      )[]
    | null;
  createdAt: number;
  failingSince: number | null;
  lag: number;
  behind: number;
  deadLetters: number;
};

/** Each route of administrators of the server: what it takes and what it answers. */
export interface AdminRoutes {
  /** The server in numbers, now */
  "GET /admin/stats": {
    args: object;
    reply: {
      version: string;
      uptimeSeconds: number;
      connections: { websocket: number; sse: number; poll: number };
      onlineNum: number;
      people: number;
      logPosition: number;
      bans: number;
      residentBytes: number;
      cpuSeconds: number;
      missingNodes: string[];
    };
  };
  /** Numbers over the last day, for charts */
  "GET /admin/series": {
    args: {
      query: {
        name:
          | "connections"
          | "onlineNum"
          | "requestsPerSecond"
          | "messagesPerSecond"
          | "eventsPerSecond"
          | "residentBytes"
          | "cpuCores"
          | "loopLagMs";
        from?: number | undefined;
        to?: number | undefined;
        step?: number | undefined;
      };
    };
    reply: {
      name:
        | "connections"
        | "onlineNum"
        | "requestsPerSecond"
        | "messagesPerSecond"
        | "eventsPerSecond"
        | "residentBytes"
        | "cpuCores"
        | "loopLagMs";
      stepSeconds: number;
      points: { at: number; value: number }[];
      missingNodes: string[];
    };
  };
  /** The processes of this installation; the one that answers comes first */
  "GET /admin/nodes": {
    args: object;
    reply: {
      items: {
        id: string;
        node: string;
        version: string;
        startedAt: number;
        connections: number;
        onlineNum: number;
        self: boolean;
      }[];
      missingNodes: string[];
    };
  };
  /** Ban a person, for a time or for good */
  "PUT /admin/bans/users/{uid}": {
    args: { path: { uid: number }; body?: { until?: number | null | undefined; reason?: string | undefined } };
    reply: MadeBan;
  };
  /** Let a banned person in again */
  "DELETE /admin/bans/users/{uid}": { args: { path: { uid: number } }; reply: undefined };
  /** Ban an address or a range of addresses, for a time or for good */
  "PUT /admin/bans/ips/{cidr}": {
    args: { path: { cidr: string }; body?: { until?: number | null | undefined; reason?: string | undefined } };
    reply: MadeBan;
  };
  /** End a ban of addresses; the range is the one that was banned */
  "DELETE /admin/bans/ips/{cidr}": { args: { path: { cidr: string } }; reply: undefined };
  /** Bans in force, newest first */
  "GET /admin/bans": {
    args: { query?: { cursor?: string | undefined; limit?: number | undefined } };
    reply: { items: Ban[]; nextCursor: string | null };
  };
  /** Server keys, oldest first; the keys themselves are stored nowhere */
  "GET /admin/keys": { args: object; reply: { items: ServerKey[] } };
  /** Make a server key */
  "POST /admin/keys": {
    args: {
      body: {
        name: string;
        scopes?:
          | ("users" | "tokens" | "rooms" | "messages" | "notifications" | "events" | "presence" | "feed")[]
          | undefined;
        expiresAt?: number | null | undefined;
        rate?: number | null | undefined;
        recipientsRate?: number | null | undefined;
        allRate?: number | null | undefined;
      };
    };
    reply: NewServerKey;
  };
  /** Revoke a server key at once and for good */
  "DELETE /admin/keys/{id}": { args: { path: { id: number } }; reply: undefined };
  /** Live connections, event streams and waiting polls of all nodes, by transport and then oldest first */
  "GET /admin/connections": {
    args: {
      query?: {
        cursor?: string | undefined;
        limit?: number | undefined;
        uid?: number | undefined;
        ip?: string | undefined;
        transport?: "websocket" | "sse" | "poll" | undefined;
      };
    };
    reply: { items: Connection[]; nextCursor: string | null; missingNodes: string[] };
  };
  /** Close a connection with 1000 and the reason, or answer a waiting poll; its client may return */
  "DELETE /admin/connections/{id}": {
    args: { path: { id: string }; body?: { reason?: string | undefined } };
    reply: undefined;
  };
  /** What one person has live, with the last 100 events of their own stream; each look is recorded */
  "GET /admin/users/{uid}/live": { args: { path: { uid: number } }; reply: LivePerson };
  /** What administrators and operators did, newest first */
  "GET /admin/audit": {
    args: { query?: { cursor?: string | undefined; limit?: number | undefined } };
    reply: { items: Act[]; nextCursor: string | null };
  };
  /** The webhooks, and how far each has got */
  "GET /admin/webhooks": { args: object; reply: { items: Webhook[]; nextCursor: null } };
  /** Register an address that is told what happens from now on */
  "POST /admin/webhooks": {
    args: {
      body: {
        url: string;
        events?:
          | (
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
              | "message.offline"
              | "online"
              | "offline"
            )[]
          | null
          | undefined;
      };
    };
    reply: Webhook & { secret: string };
  };
  /** Change a webhook's address or its events */
  "PATCH /admin/webhooks/{id}": {
    args: {
      path: { id: number };
      body?: {
        url?: string | undefined;
        events?:
          | (
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
              | "message.offline"
              | "online"
              | "offline"
            )[]
          | null
          | undefined;
      };
    };
    reply: Webhook;
  };
  /** Remove a webhook and everything that waits to be delivered there */
  "DELETE /admin/webhooks/{id}": { args: { path: { id: number } }; reply: undefined };
  /** The events that could not be delivered for a day, oldest first */
  "GET /admin/webhooks/{id}/dead-letters": {
    args: { path: { id: number }; query?: { cursor?: string | undefined; limit?: number | undefined } };
    reply: { items: DeadLetter[]; nextCursor: string | null };
  };
  /** Deliver one of these events now, as it is now */
  "POST /admin/webhooks/{id}/dead-letters/{pos}/retry": {
    args: { path: { id: number; pos: number } };
    reply: { delivered: boolean; reason: string | null };
  };
}
