/* The values of `MessageType`, one by one, so that pages load those that they use. */

export const text = 1;
export const recalled = 2;
export const image = 3;
export const file = 4;
export const voice = 5;
export const video = 6;
export const sticker = 7;
export const system = 8;
export const custom = 100;
