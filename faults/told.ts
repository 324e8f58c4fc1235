import type { AppEvent } from "./app-record.ts";
import { askedFor, type MessageFacts, type NoticeFacts, saidBy, saidIn, saidOfNotice } from "./contents.ts";

const RECALLED = 2;
const [NOTIFICATION, CUSTOM] = [102, 117];

/** As the SDK passes it on. */
export interface Pushed {
  readonly stream?: string | undefined;
  readonly seq?: number | undefined;
  readonly type: number;
  readonly data?: unknown;
}

interface Message {
  readonly fromUser: { readonly uid: number };
  readonly message: Omit<MessageFacts, "uid"> & {
    readonly type: number;
    readonly body: string | { readonly content: string };
  };
}

/** What is kept of an event that the application got; undefined if the event is not in the log. */
export function told({ stream, seq, type, data }: Pushed): AppEvent | undefined {
  if (stream === undefined || seq === undefined) return undefined;
  if (!isMessage(data)) {
    const isPassing = type === NOTIFICATION || type === CUSTOM;
    const said = type === NOTIFICATION ? saidOfNotice(data as NoticeFacts) : saidBy(data);
    return { stream, seq, type, messageId: undefined, said, isRecalled: false, ...(isPassing && { isPassing }) };
  }
  const { fromUser, message } = data;
  const facts = { ...message, uid: fromUser.uid };
  const isRecalled = message.type === RECALLED;
  const content = typeof message.body === "string" ? message.body : message.body.content;
  const said = saidIn(facts, isRecalled ? undefined : askedFor(message.roomId, content));
  return { stream, seq, type, messageId: message.id, said, isRecalled };
}

function isMessage(data: unknown): data is Message {
  return typeof data === "object" && data !== null && "message" in data && "fromUser" in data;
}
