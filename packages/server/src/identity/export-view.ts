import { z } from "@hono/zod-openapi";
import {
  countSchema,
  idSchema,
  LIMITS,
  notificationSchema,
  SERVER_LIMITS,
  shownTextSchema,
  userSchema,
} from "@parley/protocol";
import { pageOf } from "../http/page.ts";
import { CAPS } from "../limits/caps.ts";
import { PER_PAGE } from "./export.ts";
import { NOTICES_PER_PAGE } from "./export-notices.ts";
import { ipText, userAgentText } from "./requester.ts";

const { name, avatar, power } = userSchema.shape;

const Account = z.object({
  uid: idSchema,
  externalId: z.string().max(SERVER_LIMITS.externalIdCodePoints).nullable(),
  name,
  avatar,
  power,
  createdAt: countSchema,
  createdIp: ipText,
  updatedAt: countSchema,
  lastSeenAt: countSchema,
});

const Address = z.object({ address: z.string().max(64), lastSignInAt: countSchema });

const Login = z.object({
  id: idSchema,
  ip: ipText,
  userAgent: userAgentText,
  via: z.enum(["password", "qr", "server"]),
  createdAt: countSchema,
  lastSeenAt: countSchema,
  expiresAt: countSchema,
});

const Membership = z.object({
  roomId: idSchema,
  role: z.int().min(1).max(3).openapi({ description: "1 owner, 2 admin, 3 ordinary" }),
  joinedAt: countSchema,
  left: z.boolean(),
  mutedUntil: countSchema.nullable(),
  pinned: z.boolean(),
  muted: z.boolean(),
});

const Message = z.object({
  id: idSchema,
  roomId: idSchema,
  sentAt: countSchema,
  type: z.int().min(1),
  body: z
    .record(z.string(), z.unknown())
    .nullable()
    .openapi({ description: "As it is stored; null once the message has been recalled" }),
});

/** An expired notification no longer has content. */
const Notice = z.object({
  ...notificationSchema.omit({ seen: true, done: true }).shape,
  title: z.string().max(SERVER_LIMITS.titleCodePoints),
});

const Mark = z.object({ messageId: idSchema, mark: z.enum(["like", "dislike"]) });

const Friend = z.object({
  uid: idSchema,
  remark: shownTextSchema(0, LIMITS.remarkCodePoints),
  since: countSchema,
});

const Blocked = z.object({ uid: idSchema, since: countSchema });

const Request = z.object({
  id: idSchema,
  userId: idSchema,
  text: shownTextSchema(0, LIMITS.friendTextCodePoints),
  state: z.enum(["open", "accepted", "rejected"]),
  createdAt: countSchema,
});

/** Everything stored about a person, as the API's document says it. */
export const Export = z
  .object({
    account: Account,
    addresses: z
      .array(Address)
      .max(CAPS.knownRequesters.count)
      .openapi({ description: "Addresses from which I have signed in (IPv6: the first half), kept for 90 days." }),
    logins: z.array(Login),
    hall: z.object({ pinned: z.boolean(), muted: z.boolean() }),
    rooms: z.array(Membership),
    friends: z.array(Friend).max(CAPS.friends.count),
    blocks: z.array(Blocked).max(CAPS.blocks.count),
    friendRequests: pageOf(Request, PER_PAGE).openapi({ description: "Requests that I have made" }),
    messages: pageOf(Message, PER_PAGE),
    marks: pageOf(Mark, PER_PAGE),
    notifications: pageOf(Notice, NOTICES_PER_PAGE).extend({
      seenUpTo: countSchema.clone().openapi({ description: "Notifications with this id or a smaller one are seen" }),
      readUpTo: countSchema,
    }),
  })
  .openapi("Export");
