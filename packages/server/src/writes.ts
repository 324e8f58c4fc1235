import { noteAdminAct } from "./admin/admin-writes.ts";
import { banAddresses, banPerson, ENDED_AT_ONCE, endBans, unbanAddresses, unbanPerson } from "./bans/ban-writes.ts";
import { askFriend } from "./contacts/ask-writes.ts";
import { block, unblock } from "./contacts/block-writes.ts";
import { removeFriend, setRemark } from "./contacts/friend-writes.ts";
import { acceptRequest, readRequests, rejectRequest, withdrawRequest } from "./contacts/request-writes.ts";
import { renewEpoch } from "./db/epoch.ts";
import { batch, type ProcedureTable, single } from "./db/procedures.ts";
import { byActor, byAddress, byKey, byUid, ofServer } from "./db/share.ts";
import { removeOldCounts } from "./db/stored-counts.ts";
import { tryWriting } from "./db/try-writing.ts";
import { openFollower, saveFollower } from "./event-log/follower-writes.ts";
import { createAccount, deleteAccount } from "./identity/accounts-writes.ts";
import { addUser, deleteUser, disableUser, enableUser, setUser } from "./identity/admin-writes.ts";
import { putPeople } from "./identity/external-people-writes.ts";
import { removeOldKnown } from "./identity/known-requesters-writes.ts";
import { noteSeen, removeExpiredLogins } from "./identity/logins-upkeep.ts";
import { createLogin, discardLogin, revokeAllLogins, revokeLogin } from "./identity/logins-writes.ts";
import { changePassword } from "./identity/password-writes.ts";
import { followProductTokens } from "./identity/product-people-writes.ts";
import { changeProfile } from "./identity/profile-writes.ts";
import { confirmQrCode, rejectQrCode, scanQrCode } from "./identity/qr-acts.ts";
import { collectQrLogin, createQrCode, removeExpiredQrCodes } from "./identity/qr-writes.ts";
import { refreshLogin } from "./identity/refresh-writes.ts";
import { removeOldReplies } from "./keys/deduped.ts";
import { addServerKey, noteKeysUsed, revokeServerKey } from "./keys/key-writes.ts";
import { CAPS } from "./limits/caps.ts";
import { changeMarks } from "./marks/mark-writes.ts";
import { recallMessage } from "./messages/recall.ts";
import { sendMessages } from "./messages/send.ts";
import { markNotices } from "./notifications/mark-writes.ts";
import { changeNotices } from "./notifications/notice-changes.ts";
import { removeExpiredNotices } from "./notifications/upkeep-writes.ts";
import { trimEvents } from "./retention/retention-writes.ts";
import { changeMembers } from "./rooms/managed-members-writes.ts";
import { endRoomOfProduct, putRoom } from "./rooms/managed-rooms-writes.ts";
import { addMembers, changeOwner, changeRole, removeMember } from "./rooms/member-writes.ts";
import { setMute } from "./rooms/mute-writes.ts";
import { giveUpRooms, ROOMS_AT_ONCE } from "./rooms/ownerless-writes.ts";
import { changeRoom, createRoom, dissolveRoom, openDirect } from "./rooms/room-writes.ts";
import { changeSettings } from "./rooms/setting-writes.ts";
import { pushEvents, removeUnusedEvents } from "./server-api/custom-writes.ts";
import { notifyPeople } from "./server-api/notify-writes.ts";
import { countOf } from "./server-api/recipients.ts";
import { rowsOfList } from "./server-api/rows-of-list.ts";
import { sendOfProduct } from "./server-api/send-writes.ts";
import { markRead, tellReads } from "./unread/read-writes.ts";
import {
  addWebhook,
  bury,
  changeWebhook,
  keepLanes,
  noteFailing,
  removeDeadLetter,
  removeWebhook,
} from "./webhooks/webhook-writes.ts";

/** The room's event, and of each one who comes, and of the one who makes it: membership, read place, event and stream. */
const peopleRows = (memberIds: readonly unknown[]) => 6 + 4 * memberIds.length;
/** The same where each one who comes is counted, once for them and once for the two. */
const broughtRows = (memberIds: readonly unknown[]) => peopleRows(memberIds) + 2 * memberIds.length;

/**
 * Every write procedure of the server. Both threads import this table: the one that serves hands a procedure over by its
 * name here, and the one that writes finds the function by it. A check finds a procedure that is run and does not stand here.
 *
 * `batch` runs with all of its kind that wait, by set queries: everything that many people may do at once. `single` runs one
 * after another, each with as many statements as it needs alone. That is for what is rare: an operator's or the server's own
 * work (epoch, accounts from the command line, trimming and sweeps, which are sets already), a new password, which costs a hash before it comes here, and an end, of an account or a room; and for what changes rooms and
 * who is in them, since each such change is judged by the members, rights and numbers that the one before it leaves, and works on
 * a set of people itself. A recall is single too: few are made, and each reads its own message anew; and so are answers to friend requests and what
 * people do with their friends and blocks, at most thirty in a minute each.
 *
 * Each entry says whose such a write is and how many rows it writes, which is what turns at the writer go by (`db/write-queue.ts`).
 */
export const procedures = {
  renewEpoch: single(renewEpoch, ofServer()),
  tryWriting: single(tryWriting, ofServer()),
  trimEvents: single(trimEvents, ofServer(100)),
  openFollower: single(openFollower, ofServer()),
  saveFollower: single(saveFollower, ofServer()),

  addWebhook: single(addWebhook, ofServer(3)),
  changeWebhook: single(changeWebhook, ofServer(2)),
  removeWebhook: single(removeWebhook, ofServer(100)),
  noteFailing: single(noteFailing, ofServer()),
  keepLanes: single(
    keepLanes,
    ofServer(({ lanes, ended }) => lanes.length + ended.length),
  ),
  bury: single(
    bury,
    ofServer(({ letters }) => letters.length),
  ),
  removeDeadLetter: single(removeDeadLetter, ofServer()),

  createAccount: batch(createAccount, byAddress(4)),
  changeProfile: batch(changeProfile, byUid(3)),
  changePassword: single(changePassword, byUid(3 + CAPS.logins.count)),
  deleteAccount: single(deleteAccount, byUid(3 + CAPS.logins.count + 2 * CAPS.notifications.count)),
  addUser: single(addUser, ofServer(3)),
  setUser: single(setUser, ofServer(4 + CAPS.logins.count)),
  disableUser: single(disableUser, ofServer(4)),
  enableUser: single(enableUser, ofServer(3)),
  deleteUser: single(deleteUser, ofServer(4 + CAPS.logins.count + 2 * CAPS.notifications.count)),
  createLogin: batch(createLogin, byUid(4)),
  refreshLogin: batch(refreshLogin, { by: ({ presentedHash }) => presentedHash, rows: () => 1 }),
  revokeLogin: batch(revokeLogin, byUid(3)),
  revokeAllLogins: batch(revokeAllLogins, byUid(CAPS.logins.count)),
  discardLogin: batch(discardLogin, byUid(3)),
  noteSeen: batch(
    noteSeen,
    ofServer(({ loginIds, uids }) => loginIds.length + uids.length),
  ),
  removeExpiredLogins: single(removeExpiredLogins, ofServer(100)),
  followProductTokens: batch(followProductTokens, { by: ({ externalId }) => `token ${externalId}`, rows: () => 5 }),
  putPeople: batch(putPeople, byKey(5)),
  removeOldKnown: single(removeOldKnown, ofServer(100)),
  createQrCode: batch(createQrCode, byAddress(1)),
  scanQrCode: batch(scanQrCode, byUid(3)),
  confirmQrCode: batch(confirmQrCode, byUid(3)),
  rejectQrCode: batch(rejectQrCode, byUid(3)),
  collectQrLogin: batch(collectQrLogin, { by: ({ code }) => code, rows: () => 5 }),
  removeExpiredQrCodes: single(removeExpiredQrCodes, ofServer(100)),

  addServerKey: single(addServerKey, ofServer(3)),
  revokeServerKey: single(revokeServerKey, ofServer(3)),
  noteKeysUsed: single(
    noteKeysUsed,
    ofServer(({ keyIds }) => keyIds.length),
  ),

  banPerson: single(banPerson, byActor(5)),
  unbanPerson: single(unbanPerson, byActor(4)),
  banAddresses: single(banAddresses, byActor(4)),
  unbanAddresses: single(unbanAddresses, byActor(4)),
  endBans: single(endBans, ofServer(2 * ENDED_AT_ONCE)),

  noteAdminAct: single(noteAdminAct, byActor(1)),

  createRoom: single(
    createRoom,
    byUid(({ memberIds }) => broughtRows(memberIds)),
  ),
  openDirect: single(openDirect, byUid(broughtRows([1]))),
  changeRoom: single(changeRoom, byActor(3)),
  dissolveRoom: single(dissolveRoom, byActor(3)),
  addMembers: single(
    addMembers,
    byActor(({ memberIds }) => broughtRows(memberIds)),
  ),
  removeMember: single(removeMember, byActor(6)),
  changeRole: single(changeRole, byActor(3)),
  changeOwner: single(changeOwner, byActor(8)),
  setMute: single(setMute, byActor(3)),

  changeSettings: batch(changeSettings, byActor(3)),
  putRoom: single(putRoom, byKey(3)),
  endRoomOfProduct: single(endRoomOfProduct, byKey(3)),
  changeMembers: single(
    changeMembers,
    byKey(({ add, remove }) => peopleRows([...add, ...remove])),
  ),
  giveUpRooms: single(giveUpRooms, byKey(4 * ROOMS_AT_ONCE)),

  sendMessages: batch(sendMessages, byActor(5)),
  sendOfProduct: batch(sendOfProduct, byKey(rowsOfList)),
  recallMessage: single(recallMessage, byActor(3)),
  changeMarks: batch(changeMarks, byActor(4)),

  notifyPeople: batch(
    notifyPeople,
    // The notification; of each person their row, their place, the event and its stream.
    byKey(({ to }) => 4 + 4 * countOf(to)),
  ),
  changeNotices: batch(
    changeNotices,
    byKey(({ ids, recipients }) => 2 * ids.length + 4 * recipients),
  ),
  markNotices: batch(
    markNotices,
    byActor(({ act }) => 3 + act.ids.length),
  ),
  removeExpiredNotices: single(removeExpiredNotices, ofServer(200)),
  pushEvents: batch(
    pushEvents,
    // The content; of each person or room the event, its stream, and that it is the newest.
    byKey(({ to }) => 4 + 3 * countOf(to)),
  ),
  removeUnusedEvents: single(removeUnusedEvents, ofServer(100)),
  removeOldReplies: single(removeOldReplies, ofServer(100)),
  removeOldCounts: single(removeOldCounts, ofServer(100)),

  askFriend: batch(askFriend, byUid(5)),
  acceptRequest: single(acceptRequest, byUid(peopleRows([1]) + 6)),
  rejectRequest: single(rejectRequest, byUid(4)),
  withdrawRequest: single(withdrawRequest, byUid(4)),
  readRequests: single(readRequests, byUid(CAPS.requestsGot.count)),
  setRemark: single(setRemark, byUid(2)),
  removeFriend: single(removeFriend, byUid(4)),
  block: single(block, byUid(3)),
  unblock: single(unblock, byUid(2)),

  markRead: batch(markRead, byActor(3)),
  tellReads: batch(
    tellReads,
    ofServer(({ reads }) => 2 * reads.length),
  ),
} as const satisfies ProcedureTable;
