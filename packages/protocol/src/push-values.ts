/* The numbers of `Push`, one by one, so that pages load those that they use. */

export const LOGIN_URL = 1;
export const LOGIN_SCAN_SUCCESS = 2;
export const LOGIN_SUCCESS = 3;
/** Logged in the room. */
export const MESSAGE = 4;
export const ONLINE_OFFLINE_NOTIFY = 5;
export const INVALIDATE_TOKEN = 6;
/** Logged in `all`. */
export const BLACK = 7;
/** Logged where the message is. */
export const MARK = 8;
/** Logged in the room. */
export const RECALL = 9;
/** Logged for the user. */
export const APPLY = 10;
/** Logged in the room, and for each user it is about. */
export const MEMBER_CHANGE = 11;
export const ERROR = 100;
export const READY = 101;
/** Logged for the user, or in `all`. */
export const NOTIFICATION = 102;
export const RED_DOT = 103;
export const READ = 104;
export const TYPING = 105;
/** Logged in the room. */
export const ROOM = 106;
export const DRAIN = 107;
export const RESYNC = 108;
/** Logged for the user. */
export const SELF = 109;
/** Logged in the room. */
export const MESSAGE_UPDATE = 110;
/** Logged for both users. */
export const FRIEND = 111;
/** Logged in the room. */
export const MEMBER_UPDATE = 112;
/** Logged for asker, owner and admins. */
export const JOIN_REQUEST = 113;
export const USER = 114;
export const CURSOR = 115;
/** Logged in `all`. */
export const UNBLACK = 116;
/** Logged for the user, in the room, or in `all`, unless the product asks for those only who are live. */
export const CUSTOM = 117;
export const REAUTHORIZE = 118;
