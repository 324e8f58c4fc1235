import { expect } from "bun:test";
import { ParleyError } from "@parley/client";
import type { Message } from "@parley/protocol";
import { Hall } from "../src/hall.ts";
import type { StoredLogin } from "../src/stored-login.ts";

export const ME = { token: "pl_1", uid: 20_000, name: "Me", power: 0 as const };

/** A message of the hall, by somebody else unless told otherwise. */
export function message(id: number, uid = 20_001, clientId = `client-${id}`): Message {
  return {
    fromUser: { uid },
    message: {
      id,
      roomId: 1,
      sendTime: 1_700_000_000_000 + id,
      type: 1,
      body: { content: `text ${id}`, urlContentMap: {}, atUidList: [], reply: null },
      messageMark: { likeCount: 0, userLike: 0, dislikeCount: 0, userDislike: 0 },
      seq: id,
      no: id,
      clientId,
    },
  };
}

/** A hall whose client does what the test says. */
export function scene(login: StoredLogin = ME) {
  const handlers = new Map<string, (data: unknown) => void>();
  const pages: PromiseWithResolvers<unknown>[] = [];
  /** Cursors of the pages that were asked for. */
  const cursors: (string | undefined)[] = [];
  const reads: unknown[][] = [];
  const recalls: { id: number; answer: PromiseWithResolvers<void> }[] = [];
  const sends: { text: string; clientId: string; answer: PromiseWithResolvers<Message> }[] = [];
  const told: string[] = [];
  let arrived = 0;
  let changes = 0;
  let readAnswer = Promise.resolve();
  const client = {
    on: (name: string, handler: (data: unknown) => void) => handlers.set(name, handler),
    request: (route: string, { path, query }: { path: { id: number }; query: { cursor?: string } }) => {
      expect([route, path.id]).toEqual(["GET /rooms/{id}/messages", 1]);
      cursors.push(query.cursor);
      pages.push(Promise.withResolvers());
      return pages.at(-1)?.promise;
    },
    markRead: (...read: unknown[]) => {
      reads.push(read);
      return readAnswer;
    },
    recall: (id: number) => {
      recalls.push({ id, answer: Promise.withResolvers() });
      return recalls.at(-1)?.answer.promise;
    },
    send: (roomId: number, text: string, { clientId }: { clientId: string }) => {
      expect(roomId).toBe(1);
      sends.push({ text, clientId, answer: Promise.withResolvers() });
      return sends.at(-1)?.answer.promise;
    },
  };
  const hall = new Hall({
    client: client as never,
    login,
    changed: () => void changes++,
    arrived: () => void arrived++,
    tell: (problem) => void told.push(problem),
  });
  const emit = (name: string, data: unknown) => handlers.get(name)?.(data);
  const page = async (at: number, items: Message[], nextCursor: string | null = null) => {
    pages[at]?.resolve({ items, nextCursor });
    await settled();
  };
  const answer = (at: number, ...items: Message[]) => page(at, items);
  const refuseReads = () => {
    readAnswer = Promise.reject(new ParleyError(0));
    readAnswer.catch(() => {});
  };
  const texts = () => hall.messages.map(({ text }) => text);
  const live = () => emit("state", { kind: "live", transport: "websocket" });
  return {
    ...{ hall, emit, live, answer, page, pages, cursors, sends, recalls, reads, refuseReads, told, texts },
    arrived: () => arrived,
    changes: () => changes,
  };
}

/** What was answered has had its effect. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));
