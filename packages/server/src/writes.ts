import { renewEpoch } from "./db/epoch.ts";
import { batch, type ProcedureTable, single } from "./db/procedures.ts";
import { createAccount, deleteAccount } from "./identity/accounts-writes.ts";
import { addUser, deleteUser, disableUser, enableUser, setUser } from "./identity/admin-writes.ts";
import { removeOldKnown } from "./identity/known-requesters-writes.ts";
import { noteSeen, removeExpiredLogins } from "./identity/logins-upkeep.ts";
import { createLogin, discardLogin, revokeAllLogins, revokeLogin } from "./identity/logins-writes.ts";
import { changePassword } from "./identity/password-writes.ts";
import { changeProfile } from "./identity/profile-writes.ts";
import { confirmQrCode, rejectQrCode, scanQrCode } from "./identity/qr-acts.ts";
import { collectQrLogin, createQrCode, removeExpiredQrCodes } from "./identity/qr-writes.ts";
import { refreshLogin } from "./identity/refresh-writes.ts";
import { recallMessage } from "./messages/recall.ts";
import { sendMessages } from "./messages/send.ts";
import { trimEvents } from "./retention/retention-writes.ts";
import { addMembers, changeOwner, changeRole, removeMember } from "./rooms/member-writes.ts";
import { changeRoom, createRoom, dissolveRoom, openDirect } from "./rooms/room-writes.ts";
import { markRead, tellReads } from "./unread/read-writes.ts";

/**
 * Every write procedure of the server. Both threads import this table: the one that serves hands a procedure over by its
 * name here, and the one that writes finds the function by it. A check finds a procedure that is run and does not stand here.
 *
 * `batch` runs with all of its kind that wait, by set queries: everything that many people may do at once. `single` runs one
 * after another, each with as many statements as it needs alone. That is for what is rare: an operator's or the server's own
 * work (epoch, accounts from the command line, trimming and sweeps, which are sets already), a new password, which costs a hash before it comes here, and an end, of an account or a room; and for what changes rooms and
 * who is in them, since each such change is judged by the members, rights and numbers that the one before it leaves, and works on
 * a set of people itself. A recall is single too: few are made, and each reads its own message anew.
 */
export const procedures = {
  renewEpoch: single(renewEpoch),
  trimEvents: single(trimEvents),

  createAccount: batch(createAccount),
  changeProfile: batch(changeProfile),
  changePassword: single(changePassword),
  deleteAccount: single(deleteAccount),
  addUser: single(addUser),
  setUser: single(setUser),
  disableUser: single(disableUser),
  enableUser: single(enableUser),
  deleteUser: single(deleteUser),
  createLogin: batch(createLogin),
  refreshLogin: batch(refreshLogin),
  revokeLogin: batch(revokeLogin),
  revokeAllLogins: batch(revokeAllLogins),
  discardLogin: batch(discardLogin),
  noteSeen: batch(noteSeen),
  removeExpiredLogins: single(removeExpiredLogins),
  removeOldKnown: single(removeOldKnown),
  createQrCode: batch(createQrCode),
  scanQrCode: batch(scanQrCode),
  confirmQrCode: batch(confirmQrCode),
  rejectQrCode: batch(rejectQrCode),
  collectQrLogin: batch(collectQrLogin),
  removeExpiredQrCodes: single(removeExpiredQrCodes),

  createRoom: single(createRoom),
  openDirect: single(openDirect),
  changeRoom: single(changeRoom),
  dissolveRoom: single(dissolveRoom),
  addMembers: single(addMembers),
  removeMember: single(removeMember),
  changeRole: single(changeRole),
  changeOwner: single(changeOwner),

  sendMessages: batch(sendMessages),
  recallMessage: single(recallMessage),

  markRead: batch(markRead),
  tellReads: batch(tellReads),
} as const satisfies ProcedureTable;
