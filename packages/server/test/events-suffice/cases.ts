import { accountCases } from "./accounts.cases.ts";
import { banCases } from "./bans.cases.ts";
import { contactCases } from "./contacts.cases.ts";
import { markCases } from "./marks.cases.ts";
import { memberCases } from "./members.cases.ts";
import { messageCases } from "./messages.cases.ts";
import { noticeCases } from "./notices.cases.ts";
import { roomCases } from "./rooms.cases.ts";
import { productCases } from "./server.cases.ts";

/** By area; direct rooms are made late, since they stay and every later case reads them again. */
export const AREAS = {
  members: memberCases,
  messages: messageCases,
  marks: markCases,
  rooms: roomCases,
  contacts: contactCases,
  accounts: accountCases,
  server: productCases,
  notices: noticeCases,
  bans: banCases,
};

const CHANGES_LOGINS = "changes one's logins only, which are read when the list of devices is shown";
const CHANGES_WEBHOOKS = "changes what the product is told, and nothing that a client has";

/** Commands that have no case, because they change nothing in a client's state. */
export const WITHOUT_CASE: Readonly<Record<string, string>> = {
  "POST /logins": CHANGES_LOGINS,
  "POST /logins/refresh": CHANGES_LOGINS,
  "POST /qr-logins": "is asked by who is signed in nowhere yet",
  "POST /qr-logins/{code}/scan": "is between the two who see the code; its state is polled or pushed to who shows it",
  "POST /qr-logins/{code}/confirm": CHANGES_LOGINS,
  "POST /qr-logins/{code}/reject": "is between the two who see the code",
  "PUT /admin/bans/ips/{cidr}": "changes who is let in, and nothing that is shown",
  "DELETE /admin/bans/ips/{cidr}": "changes who is let in, and nothing that is shown",
  "DELETE /admin/connections/{id}": "ends a connection, whose client comes back from its cursor",
  "POST /admin/keys": "is for the product's backend",
  "DELETE /admin/keys/{id}": "is for the product's backend",
  "POST /events": "reads",
  "POST /server/users/{user}/tokens": CHANGES_LOGINS,
  "POST /server/presence": "reads",
  "POST /admin/webhooks": CHANGES_WEBHOOKS,
  "PATCH /admin/webhooks/{id}": CHANGES_WEBHOOKS,
  "DELETE /admin/webhooks/{id}": CHANGES_WEBHOOKS,
  "POST /admin/webhooks/{id}/dead-letters/{pos}/retry": CHANGES_WEBHOOKS,
};
