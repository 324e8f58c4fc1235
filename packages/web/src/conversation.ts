import type { Client } from "@parley/client";
import type { Store, StoredRoom } from "@parley/client/store";
import { LIMITS } from "@parley/protocol";
import { HALL_ROOM_ID } from "@parley/protocol/streams";
import type { Names } from "./names.ts";
import type { Draft, Outgoing } from "./outgoing.ts";
import { messageOf } from "./problem-text.ts";
import { type Receipt, receiptsOf } from "./receipts.ts";
import type { Quote, ShownMessage } from "./shown-message.ts";
import type { StoredLogin } from "./stored-login.ts";

export interface ConversationParts {
  readonly client: Client;
  readonly store: Store;
  readonly outgoing: Outgoing;
  readonly names: Names;
  readonly login: StoredLogin;
  readonly roomId: number;
  /** Epoch milliseconds as the server counts them. */
  readonly now: () => number;
  /** Something that is not the store's is another than before. */
  readonly changed: () => void;
  /** One line for the person about what did not work. */
  readonly tell: (problem: string) => void;
}

const NONE: ReadonlyMap<number, Receipt> = new Map();

/** TYPING is told once per 3 s and person. */
const TYPING_EVERY_MS = 3_000;

/** One room as this person sees it, and what they do there. It is read for as long as it lasts. */
export class Conversation {
  readonly roomId: number;
  readonly #parts: ConversationParts;
  readonly #ends: (() => void)[];
  #readSeq = 0;
  #typedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: ConversationParts) {
    const { store, roomId } = parts;
    this.#parts = parts;
    this.roomId = roomId;
    const watch = () => {};
    this.#ends = [store.messages(roomId).subscribe(watch)];
    // People of the hall are everybody.
    if (roomId !== HALL_ROOM_ID)
      this.#ends.push(store.members(roomId).subscribe(watch), store.receipts(roomId).subscribe(watch));
  }

  get room(): StoredRoom | undefined {
    return this.#parts.store.room(this.roomId).getSnapshot();
  }

  get window() {
    return this.#parts.store.messages(this.roomId).getSnapshot();
  }

  get messages(): readonly ShownMessage[] {
    return this.#parts.outgoing.behind(this.roomId, this.window.items, this.room?.seq ?? 0);
  }

  /** The receipts of what the user wrote, by message id; empty where the server does not tell it. */
  get receipts(): ReadonlyMap<number, Receipt> {
    const { store, login } = this.#parts;
    const places = store.receipts(this.roomId).getSnapshot();
    if (!places) return NONE;
    const members = store.members(this.roomId).getSnapshot().items;
    return receiptsOf(this.window.items, { places, members, me: login.uid, isDirect: this.room?.type === 2 });
  }

  /** Whether the user may write here, as far as the page can know before it asks. */
  get canWrite(): boolean {
    const { room } = this;
    return room?.isListed === true && !(room.muteAll && this.#isOrdinary(room));
  }

  /** The owner and admins, and in the hall administrators of the server. */
  get canMentionAll(): boolean {
    const { room } = this;
    if (room?.id === HALL_ROOM_ID) return this.#parts.login.power === 1;
    return room?.type === 1 && !this.#isOrdinary(room);
  }

  stop(): void {
    for (const end of this.#ends) end();
  }

  older(): void {
    void this.#parts.store.messages(this.roomId).older();
  }

  newer(): void {
    void this.#parts.store.messages(this.roomId).newer();
  }

  newest(): void {
    void this.#parts.store.messages(this.roomId).newest();
  }

  around(messageId: number): void {
    void this.#parts.store.messages(this.roomId).around(messageId);
  }

  /** Whether the server will let this message be recalled, as far as the page can know before it asks. */
  canRecall({ uid, id, kind, sentAt }: ShownMessage): boolean {
    if (id === undefined || kind === "recalled" || kind === "notice") return false;
    const { login, now } = this.#parts;
    if (login.power === 1) return true;
    return uid === login.uid && now() - sentAt < LIMITS.recallWithinMs;
  }

  send(text: string, quote: Quote | null = null): Promise<void> {
    const { login, now } = this.#parts;
    const draft = { roomId: this.roomId, uid: login.uid, clientId: newClientId(), text, quote, at: now() };
    return this.#send({ ...draft, mentions: this.#mentionsIn(text) });
  }

  /** The same message once more; the server knows it by its client id. */
  async sendAgain(clientId: string): Promise<void> {
    const draft = this.#parts.outgoing.draft(clientId);
    if (draft) await this.#send(draft);
  }

  discard(clientId: string): void {
    this.#parts.outgoing.discard(clientId);
    this.#parts.changed();
  }

  recall(messageId: number): Promise<void> {
    return this.#try(() => this.#parts.client.recall(messageId));
  }

  /** A second time takes the mark away. */
  mark(messageId: number, mark: "like" | "dislike", isMine: boolean): Promise<void> {
    const { client } = this.#parts;
    return this.#try(() => (isMine ? client.unmark(messageId, mark) : client.mark(messageId, mark)));
  }

  /** Tells the server that everything shown was read; called as often as one likes. */
  async read(): Promise<void> {
    const { items, hasNewer } = this.window;
    const seq = items.at(-1)?.message.seq ?? 0;
    const known = Math.max(this.#readSeq, this.room?.readSeq ?? 0);
    if (hasNewer || seq <= known || !this.room?.isListed) return;
    this.#readSeq = seq;
    // Said again with the next message if it gets lost.
    await this.#parts.client.markRead(this.roomId, seq).catch(() => {});
  }

  typing(): void {
    const now = performance.now();
    if (now - this.#typedAt < TYPING_EVERY_MS) return;
    this.#typedAt = now;
    this.#parts.client.typing(this.roomId);
  }

  /** People whose names can be written behind an @: members, and in the hall those who have written. */
  people(): { uid: number; name: string }[] {
    const { store, names, login } = this.#parts;
    const members = this.roomId === HALL_ROOM_ID ? [] : store.members(this.roomId).getSnapshot().items;
    const authors = this.window.items.map(({ fromUser }) => fromUser.uid);
    const byUid = new Map(authors.map((uid) => [uid, names.of(uid) ?? ""]));
    for (const { uid, name } of members) byUid.set(uid, name);
    byUid.delete(login.uid);
    return [...byUid].filter(([, name]) => name !== "").map(([uid, name]) => ({ uid, name }));
  }

  #isOrdinary(room: StoredRoom): boolean {
    return room.role !== 1 && room.role !== 2;
  }

  #mentionsIn(text: string): readonly number[] | "all" {
    if (this.canMentionAll && /(^|\s)@all\b/.test(text)) return "all";
    const named = this.people().filter(({ name }) => text.includes(`@${name}`));
    return named.slice(0, LIMITS.mentions).map(({ uid }) => uid);
  }

  async #send(draft: Draft): Promise<void> {
    const { client, outgoing, changed } = this.#parts;
    const { clientId, text, quote, mentions } = draft;
    outgoing.sending(draft);
    changed();
    const isMentioning = mentions === "all" || mentions.length > 0;
    const more = {
      ...(quote && { replyTo: quote.id }),
      ...(isMentioning && { mentions: mentions as number[] | "all" }),
    };
    try {
      outgoing.sent(clientId, await client.send(this.roomId, text, { clientId, ...more }));
    } catch (error) {
      outgoing.failed(clientId, messageOf(error));
    }
    changed();
  }

  async #try(act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#parts.tell(messageOf(error));
    }
  }
}

/** 128 random bits. `crypto.randomUUID` is missing where a page is served over plain HTTP in a local network. */
function newClientId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
