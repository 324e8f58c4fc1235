import { type Client, ParleyError } from "@parley/client";
import { LIMITS, type Message } from "@parley/protocol";
import { type HallMessage, HallMessages } from "./hall-messages.ts";
import { People } from "./people.ts";
import { messageOf } from "./problem-text.ts";
import type { StoredLogin } from "./stored-login.ts";
import { HALL } from "./wire.ts";

export interface HallParts {
  readonly client: Client;
  readonly login: StoredLogin;
  /** Something that is shown is another than before. */
  readonly changed: () => void;
  /** Another person has written. */
  readonly arrived: () => void;
  /** One line for the person about what did not work. */
  readonly tell: (problem: string) => void;
}

/** Above this many messages the page starts anew with the newest ones. */
const KEPT_MAX = 2_000;
const LOAD_AGAIN_MS = 3_000;

/**
 * The hall as this person sees it: its messages, who is online, and what they do there. History and live events meet here:
 * events that arrive while a page of history is read wait for it, since the page may be older or newer than they are.
 */
export class Hall {
  readonly people: People;
  readonly #parts: HallParts;
  readonly #messages = new HallMessages();
  /** What events do that wait for the page that is being read. */
  #waiting: (() => void)[] | undefined;
  #loads = 0;
  #older: string | null = null;
  #readSeq = 0;
  #clockAheadMs = 0;
  #loadAgain: ReturnType<typeof setTimeout> | undefined;
  loaded = false;
  /** This server has no hall (`HALL=off`). */
  isMissing = false;
  /** People online; undefined until the server has said. */
  online: number | undefined;

  constructor(parts: HallParts) {
    this.#parts = parts;
    this.people = new People(parts.client, parts.changed);
    this.people.learn(parts.login);
    this.#listen();
  }

  get messages(): readonly HallMessage[] {
    return this.#messages.all;
  }

  get hasOlder(): boolean {
    return this.#older !== null;
  }

  /** Epoch milliseconds as the server counts them: this machine's clock may be wrong. */
  get now(): number {
    return Date.now() + this.#clockAheadMs;
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
    return uid === login.uid && this.now - sentAt < LIMITS.recallWithinMs;
  }

  async loadOlder(): Promise<void> {
    if (this.#older === null) return;
    const cursor = this.#older;
    const turn = this.#loads;
    await this.#try(async () => {
      const page = await this.#history(cursor);
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
    const { client, login } = this.#parts;
    await this.#try(async () => {
      await client.recall(msgId);
      this.#messages.recall({ msgId, recallUid: login.uid });
    });
  }

  /** Tells the server that everything shown was read; called as often as one likes. */
  async read(): Promise<void> {
    const seq = this.messages.findLast((message) => message.seq !== undefined)?.seq ?? 0;
    if (seq <= this.#readSeq) return;
    this.#readSeq = seq;
    // Said again with the next message if it gets lost.
    await this.#parts.client.markRead(HALL, seq).catch(() => {});
  }

  #listen(): void {
    const { client, login, arrived } = this.#parts;
    const load = () => void this.#load();
    client.on("state", ({ kind }) => {
      if (kind === "live" && !this.loaded) load();
    });
    client.on("state-reloaded", load);
    // Messages of a person go or come back.
    client.on("black", load);
    client.on("unblack", load);
    client.on("ready", ({ serverTime }) => {
      this.#clockAheadMs = serverTime - Date.now();
    });
    client.on("message", (message) => {
      if (message.message.roomId !== HALL) return;
      this.#apply(() => this.#add(message));
      if (message.fromUser.uid !== login.uid) arrived();
    });
    client.on("message_update", (message) => this.#apply(() => this.#messages.replace(message)));
    client.on("recall", (recall) => this.#apply(() => this.#messages.recall(recall)));
    client.on("user", (user) => this.people.learn(user));
    client.on("presence", ({ onlineNum }) => {
      this.online = onlineNum;
      this.#parts.changed();
    });
  }

  /** Does what an event says, at once or behind the page of history that is being read. */
  #apply(change: () => void): void {
    if (this.#waiting) return void this.#waiting.push(change);
    change();
    this.#parts.changed();
  }

  #release(): void {
    const changes = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const change of changes) change();
  }

  #add(message: Message): void {
    this.#messages.add(message);
    if (this.#messages.all.length > KEPT_MAX) void this.#load();
  }

  /** Reads the newest page; called whenever events may be missing between what is shown and what comes. */
  async #load(): Promise<void> {
    const { changed, tell } = this.#parts;
    clearTimeout(this.#loadAgain);
    this.#loads += 1;
    const turn = this.#loads;
    this.#waiting = [];
    try {
      const page = await this.#history();
      if (turn !== this.#loads) return;
      this.#messages.reset(page.items);
      this.#older = page.nextCursor;
      this.loaded = true;
      this.#release();
      changed();
    } catch (error) {
      if (turn !== this.#loads) return;
      this.#release();
      this.isMissing = error instanceof ParleyError && error.code === "not_found";
      if (this.isMissing) return changed();
      tell(messageOf(error));
      this.#loadAgain = setTimeout(() => void this.#load(), LOAD_AGAIN_MS);
    }
  }

  /** The newest page without a cursor; each page is ascending. */
  #history(cursor?: string) {
    return this.#parts.client.request("GET /rooms/{id}/messages", { path: { id: HALL }, query: { cursor } });
  }

  async #send(clientId: string, text: string): Promise<void> {
    const { client, login, changed } = this.#parts;
    this.#messages.sending({ uid: login.uid, clientId, text, at: this.now });
    changed();
    try {
      this.#messages.add(await client.send(HALL, text, { clientId }));
    } catch (error) {
      this.#messages.failed(clientId, messageOf(error));
    }
    changed();
  }

  async #try(act: () => Promise<void>): Promise<void> {
    try {
      await act();
      this.#parts.changed();
    } catch (error) {
      this.#parts.tell(messageOf(error));
    }
  }
}

/** 128 random bits. `crypto.randomUUID` is missing where a page is served over plain HTTP in a local network. */
function newClientId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
