import type { Push as Pushes } from "@parley/protocol/events";
import type { MessageType as Values } from "@parley/protocol/message-type";
import { NAMES } from "./reading/events.ts";

/* Plain objects, which cost a page less than the protocol's modules of constants. */

/** The numbers of pushes, by the protocol's names for them. */
export const Push = /* @__PURE__ */ Object.fromEntries(
  Object.entries(NAMES).map(([type, name]) => [name.toUpperCase(), Number(type)]),
) as typeof Pushes;

/** The numbers of `message.type`. */
export const MessageType: typeof Values = {
  text: 1,
  recalled: 2,
  image: 3,
  file: 4,
  voice: 5,
  video: 6,
  sticker: 7,
  system: 8,
  custom: 100,
};
