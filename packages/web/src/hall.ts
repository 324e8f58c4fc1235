import { LIMITS, Push } from "@parley/protocol";
import { type Api, ApiError, messageOf } from "./api.ts";
import type { PushFrame } from "./connection.ts";
import { type HallMessage, HallMessages } from "./hall-messages.ts";
import { People } from "./people.ts";
import type { StoredLogin } from "./stored-login.ts";
import { HALL } from "./wire.ts";

export interface HallParts {
  readonly api: Api;
  readonly login: StoredLogin;
  /** Something that is shown is another than before. */
  readonly changed: () => void;
  /** One line for the person about what did not work. */
  readonly tell: (problem: string) => void;
  readonly signedOut: () => void;
}

/** Above this many messages the page starts anew with the newest ones. */
const KEPT_MAX = 2_000;
const LOAD_AGAIN_MS = 3_000;

/**
 * The hall as this person sees it: its messages, who is online, and what he does there. History and live frames meet here:
 * frames that arrive while a page of history is read wait for it, since the page may be older or newer than they are.
 */
export class Hall {
  readonly people: People;
  readonly #parts: HallParts;
  readonly #messages = new HallMessages();
  /** Frames that wait for the page that is being read. */
  #waiting: PushFrame[] | undefined;
  #loads = 0;
  #older: string | null = null;
  #readSeq = 0;
  #clockAheadMs = 0;
  #loadAgain: ReturnType<typeof setTimeout> | undefined;
  loaded = false;
  /** People online; undefined until the server has said. */
  online: number | undefined;

  constructor(parts: HallParts) {
    this.#parts = parts;
    this.people = new People(parts.api, parts.changed);
    this.people.learn(parts.login);
  }

  get messages(): readonly HallMessage[] {
    return this.#messages.all;
  }

  get hasOlder(): boolean {
    return this.#older !== null;
  }

  stop(): void {
    this.#loads += 1;
    clearTimeout(this.#loadAgain);
  }

  /** Whether the server will let this message be recalled, as far as one can know before asking. */
  canRecall({ uid, id, kind, sentAt }: HallMessage): boolean {
    if (id === undefined || kind === "recalled" || kind === "notice") return false;
    const { login } = this.#parts;
    if (login.power === 1) return true;
    return uid === login.uid && Date.now() + this.#clockAheadMs - sentAt < LIMITS.recallWithinMs;
  }

  /** Reads the newest page; called whenever frames may be missing between what is shown and what comes. */
  async load(): Promise<void> {
    const { api, changed, tell } = this.#parts;
    clearTimeout(this.#loadAgain);
    this.#loads += 1;
    const turn = this.#loads;
    this.#waiting = [];
    try {
      const page = await api.history(HALL);
      if (turn !== this.#loads) return;
      this.#messages.reset(page.items);
      this.#older = page.nextCursor;
      this.loaded = true;
      this.#release();
      changed();
    } catch (error) {
      if (turn !== this.#loads || this.#endsLogin(error)) return;
      this.#release();
      tell(messageOf(error));
      this.#loadAgain = setTimeout(() => void this.load(), LOAD_AGAIN_MS);
    }
  }

  async loadOlder(): Promise<void> {
    if (this.#older === null) return;
    const cursor = this.#older;
    const turn = this.#loads;
    await this.#try(async () => {
      const page = await this.#parts.api.history(HALL, cursor);
      if (turn !== this.#loads || this.#older !== cursor) return;
      this.#messages.prepend(page.items);
      this.#older = page.nextCursor;
    });
  }

  send(text: string): Promise<void> {
    return this.#send(newClientId(), text);
  }

  /** The same message once more; the server knows it by its client id. */
  async sendAgain(clientId: string): Promise<void> {
    const message = this.messages.find((one) => one.clientId === clientId);
    if (message) await this.#send(clientId, message.text);
  }

  discard(clientId: string): void {
    this.#messages.discard(clientId);
    this.#parts.changed();
  }

  async recall(msgId: number): Promise<void> {
    const { api, login } = this.#parts;
    await this.#try(async () => {
      await api.recall(msgId);
      this.#messages.recall({ msgId, recallUid: login.uid });
    });
  }

  /** Tells the server that everything shown was read; called as often as one likes. */
  async read(): Promise<void> {
    const seq = this.messages.findLast((message) => message.seq !== undefined)?.seq ?? 0;
    if (seq <= this.#readSeq) return;
    this.#readSeq = seq;
    // Said again with the next message if it gets lost.
    await this.#parts.api.read(HALL, seq).catch(() => {});
  }

  /** @returns true for a new message by somebody else */
  onFrame(frame: PushFrame): boolean {
    if (this.#waiting) {
      this.#waiting.push(frame);
      return frame.type === Push.MESSAGE && isOthers(frame, this.#parts.login.uid);
    }
    const isNew = this.#apply(frame);
    this.#parts.changed();
    return isNew;
  }

  #apply(frame: PushFrame): boolean {
    switch (frame.type) {
      case Push.READY:
        this.#clockAheadMs = frame.data.serverTime - Date.now();
        return false;
      case Push.MESSAGE: {
        if (frame.data.message.roomId !== HALL) return false;
        const isNew = this.#messages.add(frame.data);
        if (this.#messages.all.length > KEPT_MAX) void this.load();
        return isNew && isOthers(frame, this.#parts.login.uid);
      }
      case Push.MESSAGE_UPDATE:
        this.#messages.replace(frame.data);
        return false;
      case Push.RECALL:
        this.#messages.recall(frame.data);
        return false;
      case Push.ONLINE_OFFLINE_NOTIFY:
        this.online = frame.data.onlineNum;
        return false;
      case Push.USER:
        this.people.learn(frame.data);
        return false;
      case Push.BLACK:
      case Push.UNBLACK:
        // Messages of that person go or come back.
        void this.load();
        return false;
      default:
        return false;
    }
  }

  #release(): void {
    const frames = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const frame of frames) this.#apply(frame);
  }

  async #send(clientId: string, text: string): Promise<void> {
    const { api, login, changed } = this.#parts;
    const at = Date.now() + this.#clockAheadMs;
    this.#messages.sending({ uid: login.uid, clientId, text, at });
    changed();
    try {
      this.#messages.add(await api.send(HALL, clientId, text));
    } catch (error) {
      if (this.#endsLogin(error)) return;
      this.#messages.failed(clientId, messageOf(error));
    }
    changed();
  }

  async #try(act: () => Promise<void>): Promise<void> {
    try {
      await act();
      this.#parts.changed();
    } catch (error) {
      if (!this.#endsLogin(error)) this.#parts.tell(messageOf(error));
    }
  }

  #endsLogin(error: unknown): boolean {
    const ends = error instanceof ApiError && error.code === "unauthorized";
    if (ends) this.#parts.signedOut();
    return ends;
  }
}

function isOthers(frame: PushFrame & { type: 4 }, me: number): boolean {
  return frame.data.fromUser.uid !== me;
}

/** 128 random bits. `crypto.randomUUID` is missing where a page is served over plain HTTP in a local network. */
function newClientId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
