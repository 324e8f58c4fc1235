import { auditRoutes } from "./admin/audit-routes.ts";
import { connectionsRoutes } from "./admin/connections-routes.ts";
import { keysRoutes } from "./admin/keys-routes.ts";
import { personRoutes } from "./admin/person-routes.ts";
import { statsRoutes } from "./admin/stats-routes.ts";
import { bansRoutes } from "./bans/bans-routes.ts";
import { blocksRoutes } from "./contacts/blocks-routes.ts";
import { friendsRoutes } from "./contacts/friends-routes.ts";
import { requestsRoutes } from "./contacts/requests-routes.ts";
import type { Context } from "./context.ts";
import type { Routes } from "./http/openapi.ts";
import { accountsRoutes } from "./identity/accounts-routes.ts";
import { loginsRoutes } from "./identity/logins-routes.ts";
import { meRoutes } from "./identity/me-routes.ts";
import { qrRoutes } from "./identity/qr-routes.ts";
import { usersRoutes } from "./identity/users-routes.ts";
import { marksRoutes } from "./marks/marks-routes.ts";
import { messagesRoutes } from "./messages/messages-routes.ts";
import { notificationsRoutes } from "./notifications/notifications-routes.ts";
import { membersRoutes } from "./rooms/members-routes.ts";
import { muteRoutes } from "./rooms/mute-routes.ts";
import { presenceRoutes } from "./rooms/presence-routes.ts";
import { roomsRoutes } from "./rooms/rooms-routes.ts";
import { settingsRoutes } from "./rooms/settings-routes.ts";
import { productEventsRoutes } from "./server-api/events-routes.ts";
import { productMessagesRoutes } from "./server-api/messages-routes.ts";
import { productNotificationsRoutes } from "./server-api/notifications-routes.ts";
import { peopleRoutes } from "./server-api/people-routes.ts";
import { productPresenceRoutes } from "./server-api/presence-routes.ts";
import { productRoomsRoutes } from "./server-api/rooms-routes.ts";
import { receiptsRoutes } from "./unread/receipts-routes.ts";
import { unreadRoutes } from "./unread/unread-routes.ts";

/** The features' part of the HTTP API, mounted under /api/v1: each route parses, calls one action and answers. */
export function featureRoutes(context: Context): Routes[] {
  return [
    accountsRoutes(context),
    loginsRoutes(context),
    meRoutes(context),
    usersRoutes(context),
    qrRoutes(context),
    roomsRoutes(context),
    settingsRoutes(context),
    membersRoutes(context),
    muteRoutes(context),
    presenceRoutes(context),
    messagesRoutes(context),
    marksRoutes(context),
    requestsRoutes(context),
    friendsRoutes(context),
    blocksRoutes(context),
    unreadRoutes(context),
    receiptsRoutes(context),
    notificationsRoutes(context),
    peopleRoutes(context),
    productRoomsRoutes(context),
    productMessagesRoutes(context),
    productPresenceRoutes(context),
    productNotificationsRoutes(context),
    productEventsRoutes(context),
    // Under /admin, for administrators: each of these routes has `requireAdministrator`.
    statsRoutes(context),
    bansRoutes(context),
    keysRoutes(context),
    connectionsRoutes(context),
    personRoutes(context),
    auditRoutes(context),
  ];
}
