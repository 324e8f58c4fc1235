import { foundation } from "./0001-foundation.ts";
import { byUser } from "./0002-by-user.ts";
import { oneWindow } from "./0003-one-window.ts";
import { logTime } from "./0004-log-time.ts";
import { senderOnly } from "./0005-sender-only.ts";
import { hallPlaces } from "./0006-hall-places.ts";
import { recalledDigests } from "./0007-recalled-digests.ts";
import { disabledAccounts } from "./0008-disabled-accounts.ts";
import { nameLooks } from "./0009-name-looks.ts";
import { knownRequesters } from "./0010-known-requesters.ts";
import { marks } from "./0011-marks.ts";
import { ownSettings } from "./0012-own-settings.ts";
import { serverKeys } from "./0013-server-keys.ts";
import { externalIds } from "./0014-external-ids.ts";
import { keyMessages } from "./0015-key-messages.ts";
import { productLogins } from "./0016-product-logins.ts";
import { notices } from "./0017-notices.ts";
import { contacts } from "./0018-contacts.ts";
import { bans } from "./0019-bans.ts";
import { followers } from "./0020-followers.ts";
import { audit } from "./0023-audit.ts";
import { webhooks } from "./0024-webhooks.ts";
import { shownMessages } from "./0025-shown-messages.ts";
import { writers } from "./0026-writers.ts";
import { nodes } from "./0027-nodes.ts";
import { logPace } from "./0028-log-pace.ts";
import { rateCounts } from "./0029-rate-counts.ts";

/**
 * How a database comes to have the tables of `schema.ts`: one file for each step, named by number and purpose. Forward only,
 * each in one transaction, applied in this order and recorded by name; a released one is never edited. A file with a
 * name that is not listed here was written by a newer version and is refused; on PostgreSQL the version before goes on, so
 * from 0027 on a step only adds: tables, and columns that an older version may leave out (decision 45). A step uses Kysely and `columns.ts` only, no
 * feature's code, since that goes on changing after the step is released.
 */
export const MIGRATIONS = [
  { name: "0001-foundation", up: foundation },
  { name: "0002-by-user", up: byUser },
  { name: "0003-one-window", up: oneWindow },
  { name: "0004-log-time", up: logTime },
  { name: "0005-sender-only", up: senderOnly },
  { name: "0006-hall-places", up: hallPlaces },
  { name: "0007-recalled-digests", up: recalledDigests },
  { name: "0008-disabled-accounts", up: disabledAccounts },
  { name: "0009-name-looks", up: nameLooks },
  { name: "0010-known-requesters", up: knownRequesters },
  { name: "0011-marks", up: marks },
  { name: "0012-own-settings", up: ownSettings },
  { name: "0013-server-keys", up: serverKeys },
  { name: "0014-external-ids", up: externalIds },
  { name: "0015-key-messages", up: keyMessages },
  { name: "0016-product-logins", up: productLogins },
  { name: "0017-notices", up: notices },
  { name: "0019-bans", up: bans },
  { name: "0023-audit", up: audit },
  { name: "0018-contacts", up: contacts },
  { name: "0020-followers", up: followers },
  { name: "0024-webhooks", up: webhooks },
  { name: "0025-shown-messages", up: shownMessages },
  { name: "0026-writers", up: writers },
  { name: "0027-nodes", up: nodes },
  { name: "0028-log-pace", up: logPace },
  { name: "0029-rate-counts", up: rateCounts },
] as const;
