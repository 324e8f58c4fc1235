import type { Command, HALL_ROOM_ID, MessageType } from "@parley/protocol";

/*
 * Constants of the protocol that stand there beside schemas. Importing their values would bring the schema library into
 * the page, five times the page's own size and in breach of its policy (it compiles code). The types are literals, so the
 * compiler refuses a value that is not the protocol's.
 */

export const COMMAND: Pick<typeof Command, "LOGIN" | "HEARTBEAT" | "RESUME"> = { LOGIN: 1, HEARTBEAT: 2, RESUME: 101 };

export const MESSAGE_TYPE: Pick<typeof MessageType, "text" | "recalled" | "system"> = {
  text: 1,
  recalled: 2,
  system: 8,
};

export const HALL: typeof HALL_ROOM_ID = 1;
