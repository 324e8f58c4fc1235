/** Numbers of MallChat's contract, and 100 for what a product sends of its own. */
export * as MessageType from "./message-type-values.ts";

/** In `atUidList`: everybody in the room. */
export const EVERYBODY = 0;

/** What is shown of a message whose author is banned; its type is that of a recalled one. */
export const HIDDEN_TEXT = "This message is hidden";

/** The message that one answers, as it was when it was answered. */
export interface RepliedMessage {
  id: number;
  uid: number;
  username: string;
  type: number;
  body: string;
  canCallback: 0 | 1;
  gapCount: number;
}

export interface TextBody {
  content: string;
  urlContentMap: Record<string, unknown>;
  /** People who are mentioned, or `EVERYBODY`. */
  atUidList: number[];
  reply: RepliedMessage | null;
}

/** A message of the product's own. A client that does not know its `kind` shows `text`. */
export interface CustomBody {
  kind: string;
  text: string;
  /** Any JSON. */
  data: unknown;
  atUidList: number[];
  reply: RepliedMessage | null;
}

/** What is shown of messages. A kind whose body is none of these is one more line here, and its schema one more in `message.ts`. */
export interface ShownBodies {
  text: TextBody;
  custom: CustomBody;
  /** To be shown as it is: that a message was recalled (2), or what the system says (8). */
  notice: string;
}

/** The marks of a message. `userLike` and `userDislike` are the reader's own, and always 0 in pushes: a client ignores them there. */
export interface MessageMark {
  likeCount: number;
  userLike: 0 | 1;
  dislikeCount: number;
  userDislike: 0 | 1;
}

/** The message object: the same in MESSAGE pushes and in HTTP replies. */
export interface Message {
  fromUser: { uid: number };
  message: {
    /** Unique over all rooms, rising within a room. */
    id: number;
    roomId: number;
    /** Epoch milliseconds. */
    sendTime: number;
    type: number;
    /** An object for types 1, 3-7 and 100, the notice to show for 2 (recalled) and 8 (system). */
    body: ShownBodies[keyof ShownBodies];
    messageMark: MessageMark;
    /** Seq of the MESSAGE event in the room's stream; of a message that only its sender may see, that of the event before it. */
    seq: number;
    /** Counts the messages of a room that make a dot; null for the others. */
    no: number | null;
    clientId: string | null;
  };
}
