import { withDeadline } from "../src/lib/interval.ts";

const DEADLINE_MS = 20_000;

/** What the client shows. */
export interface Shown {
  uid: number | undefined;
  token: string | undefined;
  name: string | undefined;
  power: number | undefined;
  loginUrl: string | undefined;
  isScanned: boolean;
  readonly messages: Map<number, ShownMessage>;
  readonly members: Set<number>;
  readonly online: Map<number, number>;
  onlineNum: number | undefined;
  applications: number;
}

interface ShownMessage {
  readonly uid: number;
  type: number;
  body: unknown;
  likes: number;
  dislikes: number;
}

/**
 * A client that knows the contract of existing clients and nothing else: the root path, `?token=` put into the address as it is, a
 * heartbeat, frame types 1 to 11, no cursor. It is as careless as they are: whatever is missing in a frame of these types makes it throw, and
 * other types are passed over. It shows one room.
 */
export class ContractClient {
  readonly shown: Shown = {
    uid: undefined,
    token: undefined,
    name: undefined,
    power: undefined,
    loginUrl: undefined,
    isScanned: false,
    messages: new Map(),
    members: new Set(),
    online: new Map(),
    onlineNum: undefined,
    applications: 0,
  };
  /** The types that came, in order. */
  readonly seen: number[] = [];
  readonly #room: number;
  readonly #socket: WebSocket;
  readonly #waiting = new Set<() => void>();
  #error: unknown;

  constructor(url: string, { token, room }: { token?: string; room: number }) {
    this.#room = room;
    this.#socket = new WebSocket(`${url.replace(/^http/, "ws")}/${token === undefined ? "" : `?token=${token}`}`);
    this.#socket.addEventListener("message", ({ data }) => {
      try {
        this.#frame(JSON.parse(String(data)));
      } catch (error) {
        this.#error = error;
      }
      for (const wake of [...this.#waiting]) wake();
    });
    this.#socket.addEventListener("open", () => this.#socket.send('{"type":2}'));
  }

  askForQrCode(): void {
    const ask = () => this.#socket.send('{"type":1}');
    if (this.#socket.readyState === WebSocket.OPEN) ask();
    else this.#socket.addEventListener("open", ask);
  }

  /** Resolves when it shows what is expected. @throws what made it fail, or that it took too long */
  async until(is: (shown: Shown) => boolean, what: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = () => {
      if (this.#error !== undefined) reject(this.#error);
      else if (is(this.shown)) resolve();
    };
    this.#waiting.add(look);
    look();
    await withDeadline(promise, DEADLINE_MS, `it did not show ${what}`).finally(() => this.#waiting.delete(look));
  }

  close(): void {
    this.#socket.close();
  }

  #frame(frame: { type: unknown; data: never }): void {
    const type = numberOf(frame.type, "type");
    this.seen.push(type);
    this.#reactions[type]?.(frame.data);
  }

  /** What it does with each type, as section 4.3 of the contract says. */
  readonly #reactions: Readonly<Record<number, (data: never) => void>> = {
    1: ({ loginUrl }: { loginUrl: unknown }) => {
      this.shown.loginUrl = textOf(loginUrl, "loginUrl");
    },
    2: () => {
      this.shown.isScanned = true;
    },
    3: ({ uid, token, name, avatar, power }: Record<string, unknown>) => {
      textOf(avatar, "avatar");
      const pasted = textOf(token, "token");
      // It stands in addresses and in JSON that is put together by hand.
      if (!/^[\w.~-]+$/.test(pasted)) throw new Error(`the token cannot be pasted: ${pasted}`);
      Object.assign(this.shown, { uid: numberOf(uid, "uid"), token: pasted, name: textOf(name, "name") });
      this.shown.power = numberOf(power, "power");
    },
    4: ({ fromUser, message }: { fromUser: { uid: unknown }; message: Record<string, unknown> }) => {
      for (const field of ["id", "roomId", "sendTime", "type"]) numberOf(message[field], field);
      const mark = message.messageMark as Record<string, unknown>;
      for (const field of ["likeCount", "userLike", "dislikeCount", "userDislike"]) numberOf(mark[field], field);
      if (message.body === null || message.body === undefined) throw new Error("a message without a body");
      if (message.roomId !== this.#room) return;
      this.shown.messages.set(message.id as number, {
        uid: numberOf(fromUser.uid, "fromUser.uid"),
        type: message.type as number,
        body: message.body,
        likes: mark.likeCount as number,
        dislikes: mark.dislikeCount as number,
      });
    },
    5: ({ changeList, onlineNum }: { changeList: Record<string, unknown>[]; onlineNum: unknown }) => {
      this.shown.onlineNum = numberOf(onlineNum, "onlineNum");
      for (const { uid, activeStatus, lastOptTime } of changeList) {
        numberOf(lastOptTime, "lastOptTime");
        this.shown.online.set(numberOf(uid, "uid"), numberOf(activeStatus, "activeStatus"));
      }
    },
    6: () => {
      Object.assign(this.shown, { uid: undefined, token: undefined, name: undefined });
    },
    7: ({ uid }: { uid: unknown }) => {
      const banned = numberOf(uid, "uid");
      this.shown.members.delete(banned);
      for (const [id, message] of this.shown.messages) if (message.uid === banned) this.shown.messages.delete(id);
    },
    8: ({ markList }: { markList: Record<string, unknown>[] }) => {
      for (const { uid, msgId, markType, markCount, actType } of markList) {
        numberOf(uid, "uid");
        numberOf(actType, "actType");
        const message = this.shown.messages.get(numberOf(msgId, "msgId"));
        if (!message) continue;
        if (markType === 1) message.likes = numberOf(markCount, "markCount");
        if (markType === 2) message.dislikes = numberOf(markCount, "markCount");
      }
    },
    9: ({ msgId, roomId, recallUid }: Record<string, unknown>) => {
      numberOf(recallUid, "recallUid");
      const message = this.shown.messages.get(numberOf(msgId, "msgId"));
      if (numberOf(roomId, "roomId") === this.#room && message) Object.assign(message, { type: 2, body: "recalled" });
    },
    10: ({ uid, unreadCount }: Record<string, unknown>) => {
      numberOf(uid, "uid");
      this.shown.applications += numberOf(unreadCount, "unreadCount");
    },
    11: ({ roomId, uid, changeType, activeStatus, lastOptTime }: Record<string, unknown>) => {
      const who = numberOf(uid, "uid");
      // These may be absent for a join: presence has separate frames.
      numberOf(activeStatus ?? 1, "activeStatus");
      numberOf(lastOptTime ?? 1, "lastOptTime");
      if (numberOf(changeType, "changeType") === 1) return;
      if (numberOf(roomId, "roomId") === this.#room) this.shown.members.delete(who);
    },
  };
}

function numberOf(value: unknown, field: string): number {
  if (typeof value !== "number") throw new Error(`${field} is ${JSON.stringify(value)}, not a number`);
  return value;
}

function textOf(value: unknown, field: string): string {
  if (typeof value !== "string") throw new Error(`${field} is ${JSON.stringify(value)}, not a text`);
  return value;
}
