import type { Message } from "@parley/protocol";
import { MessageType } from "@parley/protocol/message-type";

type Sent = Message["message"];

/** One message of the hall as this page knows it: sent by somebody, or on its way from here. */
export interface HallMessage {
  /** Stays the same when a message of ours comes back from the server. */
  readonly key: string;
  readonly uid: number;
  /** Undefined until the server has it. */
  readonly id: number | undefined;
  /** Its event in the room's stream. */
  readonly seq: number | undefined;
  readonly clientId: string | null;
  readonly sentAt: number;
  readonly kind: "text" | "notice" | "recalled" | "other";
  readonly text: string;
  /** The person who recalled it, if this page saw it happen. */
  readonly recalledBy?: number;
  readonly delivery: "sent" | "sending" | "failed";
  /** Why it failed, for people. */
  readonly error?: string;
}

/**
 * The hall's messages in order: those that the server has, by id, then ours that are on their way. Applying the same thing
 * twice, or a push and the reply to the same send in any order, ends in the same list.
 */
export class HallMessages {
  #sent: HallMessage[] = [];
  #outgoing: HallMessage[] = [];

  get all(): readonly HallMessage[] {
    return [...this.#sent, ...this.#outgoing];
  }

  /** Starts anew with the newest page; what is on its way from here stays. */
  reset(page: readonly Message[]): void {
    this.#sent = [];
    for (const message of page) this.add(message);
  }

  prepend(page: readonly Message[]): void {
    const known = new Set(this.#sent.map(({ id }) => id));
    this.#sent.unshift(...page.filter(({ message }) => !known.has(message.id)).map(asHallMessage));
  }

  /** @returns false for a message that was here already */
  add(message: Message): boolean {
    const added = asHallMessage(message);
    this.#outgoing = this.#outgoing.filter(({ key }) => key !== added.key);
    let at = this.#sent.length;
    while (at > 0 && idOf(this.#sent[at - 1]) >= idOf(added)) at -= 1;
    if (this.#sent[at]?.id === added.id) return false;
    this.#sent.splice(at, 0, added);
    return true;
  }

  /** A message as it is now; ignored where it is not on this page. */
  replace(message: Message): void {
    const now = asHallMessage(message);
    this.#change(now.id, (old) => ({ ...now, key: old.key, ...(old.recalledBy && { recalledBy: old.recalledBy }) }));
  }

  recall({ msgId, recallUid }: { msgId: number; recallUid: number }): void {
    this.#change(msgId, (message) => ({
      ...message,
      kind: "recalled",
      text: recallUid === message.uid ? "The sender recalled this message" : "An administrator recalled this message",
      recalledBy: recallUid,
    }));
  }

  /** A message that is being sent, or sent again. */
  sending(message: { uid: number; clientId: string; text: string; at: number }): void {
    const { uid, clientId, text, at } = message;
    const key = keyOf(uid, clientId, 0);
    const outgoing: HallMessage = {
      key,
      uid,
      id: undefined,
      seq: undefined,
      clientId,
      sentAt: at,
      kind: "text",
      text,
      delivery: "sending",
    };
    this.#outgoing = [...this.#outgoing.filter((one) => one.key !== key), outgoing];
  }

  failed(clientId: string, error: string): void {
    this.#outgoing = this.#outgoing.map((one) =>
      one.clientId === clientId ? { ...one, delivery: "failed" as const, error } : one,
    );
  }

  discard(clientId: string): void {
    this.#outgoing = this.#outgoing.filter((one) => one.clientId !== clientId);
  }

  #change(id: number | undefined, change: (message: HallMessage) => HallMessage): void {
    this.#sent = this.#sent.map((message) => (message.id === id ? change(message) : message));
  }
}

function asHallMessage({ fromUser, message }: Message): HallMessage {
  const { id, seq, clientId, sendTime } = message;
  return {
    key: keyOf(fromUser.uid, clientId, id),
    uid: fromUser.uid,
    id,
    seq,
    clientId,
    sentAt: sendTime,
    delivery: "sent",
    ...shown(message),
  };
}

function shown({ type, body }: Sent): Pick<HallMessage, "kind" | "text"> {
  if (typeof body === "object") {
    if (type === MessageType.text && "content" in body) return { kind: "text", text: body.content };
    // What this page shows of the product's own messages, of which it knows no kind.
    if (type === MessageType.custom && "text" in body) return { kind: "text", text: body.text };
  }
  if (type === MessageType.recalled) return { kind: "recalled", text: String(body) };
  if (type === MessageType.system) return { kind: "notice", text: String(body) };
  return { kind: "other", text: "A message of a kind that this page does not show" };
}

/** A client id is unique among its sender's messages. */
function keyOf(uid: number, clientId: string | null, id: number): string {
  return clientId === null ? `#${id}` : `${uid}/${clientId}`;
}

function idOf(message: HallMessage | undefined): number {
  return message?.id ?? 0;
}
