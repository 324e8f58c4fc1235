import { renewEpoch } from "./db/epoch.ts";
import { batch, type ProcedureTable, single } from "./db/procedures.ts";
import { changeProfile, createAccount, deleteAccount } from "./identity/accounts-writes.ts";
import { addUser, setUser } from "./identity/admin-writes.ts";
import { noteSeen, removeExpiredLogins } from "./identity/logins-upkeep.ts";
import { createLogin, refreshLogin, revokeAllLogins, revokeLogin } from "./identity/logins-writes.ts";
import {
  collectQrLogin,
  confirmQrCode,
  createQrCode,
  discardQrLogin,
  rejectQrCode,
  removeExpiredQrCodes,
  scanQrCode,
} from "./identity/qr-writes.ts";
import { recallMessage } from "./messages/recall.ts";
import { sendMessages } from "./messages/send.ts";
import { trimEvents } from "./retention/retention-writes.ts";
import { addMembers, changeOwner, changeRole, removeMember } from "./rooms/member-writes.ts";
import { changeRoom, createRoom, dissolveRoom, openDirect } from "./rooms/room-writes.ts";
import { markRead, startHall, tellReads } from "./unread/read-writes.ts";

/**
 * Every write procedure of the server. Both threads import this table: the one that serves hands a procedure over by its
 * name here, and the one that writes finds the function by it. `single` runs alone, `batch` with all of its kind that wait.
 * A check finds a procedure that is run and does not stand here.
 */
export const procedures = {
  renewEpoch: single(renewEpoch),
  trimEvents: single(trimEvents),

  createAccount: single(createAccount),
  changeProfile: single(changeProfile),
  deleteAccount: single(deleteAccount),
  addUser: single(addUser),
  setUser: single(setUser),
  createLogin: single(createLogin),
  refreshLogin: single(refreshLogin),
  revokeLogin: single(revokeLogin),
  revokeAllLogins: single(revokeAllLogins),
  noteSeen: single(noteSeen),
  removeExpiredLogins: single(removeExpiredLogins),
  createQrCode: single(createQrCode),
  scanQrCode: single(scanQrCode),
  confirmQrCode: single(confirmQrCode),
  rejectQrCode: single(rejectQrCode),
  collectQrLogin: single(collectQrLogin),
  discardQrLogin: single(discardQrLogin),
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

  markRead: single(markRead),
  tellReads: single(tellReads),
  startHall: single(startHall),
} as const satisfies ProcedureTable;
