/** The scopes of a server key: the parts of `/api/v1/server`. */
export const SERVER_SCOPES = [
  "users",
  "tokens",
  "rooms",
  "messages",
  "notifications",
  "events",
  "presence",
  "feed",
] as const;

export type ServerScope = (typeof SERVER_SCOPES)[number];
