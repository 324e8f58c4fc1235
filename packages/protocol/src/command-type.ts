/** Frames from client to server. What changes state goes over HTTP; these are about the connection itself. */
export const Command = {
  LOGIN: 1,
  HEARTBEAT: 2,
  AUTHORIZE: 3,
  RESUME: 101,
  TYPING: 102,
} as const;
