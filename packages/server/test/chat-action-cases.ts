import { expect } from "bun:test";
import { ActType, MarkType, type Message } from "@parley/protocol";
import type { Context } from "../src/context.ts";
import * as marks from "../src/marks/mark-actions.ts";
import * as mutes from "../src/rooms/mute-actions.ts";
import * as settings from "../src/rooms/setting-actions.ts";
import * as receipts from "../src/unread/receipt-actions.ts";
import * as unread from "../src/unread/unread-actions.ts";
import type { Person } from "./admin-action-cases.ts";

/** What the cases of `actions.test.ts` need. */
interface Rig {
  readonly context: Context;
  readonly ann: Person;
  readonly ben: Person;
  readonly person: (name: string) => Promise<Person>;
  /** A group that ann owns. */
  readonly group: (...others: Person[]) => Promise<number>;
  readonly say: (actor: Person, roomId: number, content: string) => Promise<Message>;
  readonly codeOf: (action: Promise<unknown>) => Promise<string | undefined>;
}

/** The cases for what people do in rooms and with existing messages. @param rig is called when a case runs: before that, nothing is open */
export const chatCases = (rig: () => Rig): Record<string, Record<string, () => Promise<void>>> => ({
  "rooms/setting": {
    async changeSettings() {
      const { context, ann, ben, group, codeOf } = rig();
      const change = { roomId: await group(), changes: { pinned: true } };
      expect(await settings.changeSettings(context, ann, change)).toEqual({ pinned: true, muted: false });
      expect(await codeOf(settings.changeSettings(context, ben, change))).toBe("not_found");
    },
  },
  "rooms/mute": {
    async muteMember() {
      const { context, ann, ben, group, say, codeOf } = rig();
      const roomId = await group(ben);
      const until = context.clock.now() + 1000;
      expect(await mutes.muteMember(context, ann, { roomId, uid: ben.uid, until })).toEqual({ mutedUntil: until });
      expect(await codeOf(say(ben, roomId, "mmf"))).toBe("muted");
      expect(await codeOf(mutes.muteMember(context, ben, { roomId, uid: ann.uid, until }))).toBe("forbidden");
    },
    async unmuteMember() {
      const { context, ann, ben, group, say } = rig();
      const roomId = await group(ben);
      await mutes.muteMember(context, ann, { roomId, uid: ben.uid, until: null });
      await mutes.unmuteMember(context, ann, { roomId, uid: ben.uid });
      expect((await say(ben, roomId, "thank you")).fromUser.uid).toBe(ben.uid);
    },
  },
  "marks/mark": {
    async changeMark() {
      const { context, ann, ben, group, say, codeOf } = rig();
      const { message } = await say(ann, await group(), "well said");
      const wanted = { messageId: message.id, markType: MarkType.like, actType: ActType.confirm };
      expect(await marks.changeMark(context, ann, wanted)).toMatchObject({ likeCount: 1, userLike: 1 });
      expect(await codeOf(marks.changeMark(context, ben, wanted))).toBe("not_found");
    },
  },
  "unread/receipt": {
    async listReceipts() {
      const { context, ann, ben, group, say, codeOf } = rig();
      const roomId = await group(ben);
      const { message } = await say(ann, roomId, "read me");
      const page = { messageId: message.id, after: undefined, limit: 5 };
      const unreadBy = await receipts.listReceipts(context, ann, { ...page, state: "unread" });
      expect(unreadBy).toEqual({ items: [{ uid: ben.uid, seq: 1 }], nextCursor: null });
      await unread.markRead(context, ben, { roomId, seq: message.seq });
      const readBy = await receipts.listReceipts(context, ann, { ...page, state: "read" });
      expect(readBy.items).toEqual([{ uid: ben.uid, seq: message.seq }]);
      expect(await codeOf(receipts.listReceipts(context, ben, { ...page, state: "read" }))).toBe("forbidden");
    },
  },
  "unread/unread": {
    async getUnread() {
      const { context, ann, person, group, say } = rig();
      const lea = await person("lea");
      const roomId = await group(lea);
      await say(ann, roomId, "one");
      await say(ann, roomId, "two");
      expect(await unread.getUnread(context, lea)).toMatchObject({ total: 2, rooms: [{ roomId, unread: 2 }] });
    },
    async markRead() {
      const { context, ann, ben, person, group, say, codeOf } = rig();
      const mia = await person("mia");
      const roomId = await group(mia);
      const { message } = await say(ann, roomId, "one");
      const place = await unread.markRead(context, mia, { roomId, seq: message.seq });
      expect(place).toEqual({ roomId, readSeq: message.seq, unread: 0 });
      expect(await codeOf(unread.markRead(context, ben, { roomId, seq: 1 }))).toBe("not_found");
    },
  },
});
