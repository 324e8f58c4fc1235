import { banAddresses, banPerson } from "./bans/ban-writes.ts";
import type { Procedure } from "./db/transaction.ts";
import { deleteAccount } from "./identity/accounts-writes.ts";
import { deleteUser, disableUser } from "./identity/admin-writes.ts";
import { discardLogin, revokeAllLogins, revokeLogin } from "./identity/logins-writes.ts";
import { changePassword } from "./identity/password-writes.ts";
import { revokeServerKey } from "./keys/key-writes.ts";
import { recallMessage } from "./messages/recall.ts";
import { changeNotices } from "./notifications/notice-changes.ts";

/**
 * Writes whose answer promises that something is over, such as a text or a login. Where several processes serve, the answer waits until
 * each of them has handled the write's event, at most a second.
 */
export const TOLD_EVERYWHERE: ReadonlySet<Procedure> = new Set<Procedure>([
  recallMessage,
  changeNotices,
  revokeLogin,
  revokeAllLogins,
  discardLogin,
  changePassword,
  banPerson,
  banAddresses,
  disableUser,
  deleteUser,
  deleteAccount,
  revokeServerKey,
]);
