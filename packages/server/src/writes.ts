/** Every module that declares write procedures, for whichever thread runs them. A check holds this list against the code. */
import "./event-log/epoch.ts";
import "./event-log/retention-writes.ts";
import "./identity/accounts-writes.ts";
import "./identity/admin-accounts.ts";
import "./identity/logins-upkeep.ts";
import "./identity/logins-writes.ts";
import "./identity/qr-writes.ts";
import "./messages/recall.ts";
import "./messages/send.ts";
import "./rooms/member-writes.ts";
import "./rooms/room-writes.ts";
import "./unread/read-writes.ts";
