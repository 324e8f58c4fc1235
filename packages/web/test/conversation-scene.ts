import type { Message } from "@parley/protocol";
import { Conversation } from "../src/conversation.ts";
import { Outgoing } from "../src/outgoing.ts";
import type { StoredLogin } from "../src/stored-login.ts";

export const ME = { token: "pl_1", uid: 20_000, name: "Me", power: 0 as const };
export const SENT_AT = 1_700_000_000_000;

/** A message of the room, by somebody else unless told otherwise. */
export function message(
  id: number,
  change: { uid?: number; clientId?: string | null; content?: string } = {},
): Message {
  const { uid = 20_001, clientId = `client-${id}`, content = `text ${id}` } = change;
  return {
    fromUser: { uid },
    message: {
      id,
      roomId: 7,
      sendTime: SENT_AT + id,
      type: 1,
      body: { content, urlContentMap: {}, atUidList: [], reply: null },
      messageMark: { likeCount: 0, userLike: 0, dislikeCount: 0, userDislike: 0 },
      seq: id,
      no: id,
      clientId,
    },
  };
}

/** A conversation whose client and store do what the test says. */
export function scene({ login = ME as StoredLogin, roomId = 7 } = {}) {
  const shown = {
    window: { items: [] as Message[], hasOlder: false, hasNewer: false, state: "ready" },
    room: {
      id: roomId,
      type: 1,
      isListed: true,
      muteAll: false,
      role: 3,
      readSeq: 0,
      seq: 0,
      memberCount: 2,
      userId: null,
    },
    members: [] as { uid: number; name: string; joinedAt?: number }[],
    places: new Map<number, number>(),
    now: SENT_AT,
  };
  const reads: unknown[][] = [];
  const acts: { name: string; args: unknown[]; answer: PromiseWithResolvers<void> }[] = [];
  const sends: { text: string; more: Record<string, unknown>; answer: PromiseWithResolvers<Message> }[] = [];
  const told: string[] = [];
  let readAnswer = Promise.resolve();
  let changes = 0;
  const act =
    (name: string) =>
    (...args: unknown[]) => {
      acts.push({ name, args, answer: Promise.withResolvers() });
      return acts.at(-1)?.answer.promise;
    };
  const client = {
    markRead: (...read: unknown[]) => {
      reads.push(read);
      return readAnswer;
    },
    ...{ recall: act("recall"), mark: act("mark"), unmark: act("unmark"), typing: act("typing") },
    send: (_: number, text: string, more: Record<string, unknown>) => {
      sends.push({ text, more, answer: Promise.withResolvers() });
      return sends.at(-1)?.answer.promise;
    },
  };
  const watched = { messages: 0, members: 0, receipts: 0 };
  const view = (name: keyof typeof watched, get: () => unknown) => ({
    getSnapshot: get,
    subscribe: () => {
      watched[name] += 1;
      return () => {
        watched[name] -= 1;
      };
    },
  });
  const store = {
    room: () => ({ getSnapshot: () => shown.room }),
    messages: () => view("messages", () => shown.window),
    members: () => view("members", () => ({ items: shown.members })),
    receipts: () => view("receipts", () => shown.places),
  };
  const outgoing = new Outgoing();
  const conversation = new Conversation({
    client: client as never,
    store: store as never,
    names: { of: (uid: number) => `name of ${uid}` } as never,
    ...{ outgoing, login, roomId, now: () => shown.now },
    changed: () => void changes++,
    tell: (problem) => void told.push(problem),
  });
  const refuseReads = () => {
    readAnswer = Promise.reject(new Error("no"));
    readAnswer.catch(() => {});
  };
  const texts = () => conversation.messages.map(({ text }) => text);
  return { conversation, shown, reads, refuseReads, acts, sends, told, texts, watched, changes: () => changes };
}

/** What was answered has had its effect. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));
