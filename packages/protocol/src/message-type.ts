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

/** The body of each type of message that there is. A new type is one more line here, and its schema one more in `message.ts`. */
export interface ShownBodies {
  1: TextBody;
  /** A message that was recalled, or is hidden: the notice to show in its place. */
  2: string;
  /** What the system says, to be shown as it is. */
  8: string;
  100: CustomBody;
}

/** The marks of a message. `userLike` and `userDislike` are the reader's own, and always 0 in pushes: a client ignores them there. */
export interface MessageMark {
  likeCount: number;
  userLike: 0 | 1;
  dislikeCount: number;
  userDislike: 0 | 1;
}

/** What messages of all types have. */
interface MessageFields {
  /** Unique over all rooms, rising within a room. */
  id: number;
  roomId: number;
  /** Epoch milliseconds. */
  sendTime: number;
  messageMark: MessageMark;
  /** Seq of the MESSAGE event in the room's stream; of a message that only its sender may see, that of the event before it. */
  seq: number;
  /** Counts the messages of a room that make a dot; null for the others. */
  no: number | null;
  clientId: string | null;
}

/** The message of one type. */
type MessageOf<Type extends keyof ShownBodies> = { type: Type; body: ShownBodies[Type] } & MessageFields;

/** A type with its body. */
export type TypedBody = { [Type in keyof ShownBodies]: Pick<MessageOf<Type>, "type" | "body"> }[keyof ShownBodies];

/** The message object: the same in MESSAGE pushes and in HTTP replies. Where `message.type` is known, `message.body` is too. */
export interface Message {
  fromUser: { uid: number };
  message: {
    [Type in keyof ShownBodies]: { [Field in keyof MessageOf<Type>]: MessageOf<Type>[Field] };
  }[keyof ShownBodies];
}
