/* The values of `Command`, one by one, so that pages load those that they use. */

export const LOGIN = 1;
export const HEARTBEAT = 2;
export const AUTHORIZE = 3;
export const RESUME = 101;
export const TYPING = 102;
