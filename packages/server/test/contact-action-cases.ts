import { expect } from "bun:test";
import * as blocks from "../src/contacts/block-actions.ts";
import * as friends from "../src/contacts/friend-actions.ts";
import * as requests from "../src/contacts/request-actions.ts";
import type { Context } from "../src/context.ts";
import type { Person } from "./admin-action-cases.ts";

/** What the cases of `actions.test.ts` need. */
interface Rig {
  readonly context: Context;
  readonly ann: Person;
  readonly person: (name: string) => Promise<Person>;
  readonly codeOf: (action: Promise<unknown>) => Promise<string | undefined>;
}

/** The cases for what people do with their contacts. @param rig is called when a case runs: before that, nothing is open */
export const contactCases = (rig: () => Rig): Record<string, Record<string, () => Promise<void>>> => {
  const page = { before: undefined, after: undefined, limit: 10 };
  /** A new person, who has asked ann. */
  async function asking(name: string) {
    const { context, ann, person } = rig();
    const them = await person(name);
    const { request } = await requests.askFriend(context, them, { userId: ann.uid, text: "hello" });
    return { them, id: request.id };
  }
  async function friend(name: string): Promise<Person> {
    const { them, id } = await asking(name);
    await requests.acceptRequest(rig().context, rig().ann, id);
    return them;
  }
  return {
    "contacts/request": {
      async askFriend() {
        const { context, ann, person } = rig();
        const them = await person("ask");
        const asked = await requests.askFriend(context, them, { userId: ann.uid, text: "hello" });
        const again = await requests.askFriend(context, them, { userId: ann.uid, text: "" });
        expect([asked.created, again.created]).toEqual([true, false]);
        expect(again.request).toEqual(asked.request);
      },
      async listRequests() {
        const { them, id } = await asking("list");
        const { items } = await requests.listRequests(rig().context, them, page);
        expect(items).toMatchObject([{ id, direction: "out", state: "open", name: "ann" }]);
      },
      async acceptRequest() {
        const { context, ann, codeOf } = rig();
        const { them, id } = await asking("accept");
        expect(await codeOf(requests.acceptRequest(context, them, id))).toBe("forbidden");
        expect(await requests.acceptRequest(context, ann, id)).toMatchObject({ id, state: "accepted" });
      },
      async rejectRequest() {
        const { context, ann, codeOf } = rig();
        const { them, id } = await asking("reject");
        expect(await requests.rejectRequest(context, ann, id)).toMatchObject({ id, state: "rejected" });
        const again = requests.askFriend(context, them, { userId: ann.uid, text: "" });
        expect(await codeOf(again)).toBe("request_rejected");
      },
      async withdrawRequest() {
        const { context, ann, codeOf } = rig();
        const { them, id } = await asking("withdraw");
        await requests.withdrawRequest(context, them, id);
        expect(await codeOf(requests.acceptRequest(context, ann, id))).toBe("not_found");
      },
      async readRequests() {
        const { context, ann } = rig();
        const { id } = await asking("read");
        expect(await requests.readRequests(context, ann, id)).toEqual({ friendRequests: 0 });
      },
    },
    "contacts/friend": {
      async listFriends() {
        const them = await friend("of a list");
        const { items } = await friends.listFriends(rig().context, them, page);
        expect(items).toMatchObject([{ uid: rig().ann.uid, name: "ann", remark: "" }]);
      },
      async setRemark() {
        const { context, ann, codeOf } = rig();
        const them = await friend("of a remark");
        await friends.setRemark(context, them, { friendUid: ann.uid, remark: "Annie" });
        expect((await friends.listFriends(context, them, page)).items).toMatchObject([{ remark: "Annie" }]);
        const nobody = friends.setRemark(context, them, { friendUid: them.uid, remark: "I" });
        expect(await codeOf(nobody)).toBe("not_found");
      },
      async removeFriend() {
        const { context, ann } = rig();
        const them = await friend("no more");
        await friends.removeFriend(context, ann, them.uid);
        expect((await friends.listFriends(context, them, page)).items).toEqual([]);
      },
    },
    "contacts/block": {
      async listBlocks() {
        const { context, ann, person } = rig();
        const them = await person("blocks");
        await blocks.block(context, them, ann.uid);
        const { items } = await blocks.listBlocks(context, them, page);
        expect(items).toEqual([{ uid: ann.uid, name: "ann", avatar: "" }]);
      },
      async block() {
        const { context, ann, person, codeOf } = rig();
        const them = await person("blocks too");
        expect(await codeOf(blocks.block(context, them, them.uid))).toBe("own_account");
        await blocks.block(context, them, ann.uid);
        const ask = requests.askFriend(context, them, { userId: ann.uid, text: "" });
        expect(await codeOf(ask)).toBe("person_blocked");
      },
      async unblock() {
        const { context, ann, person } = rig();
        const them = await person("unblocks");
        await blocks.block(context, them, ann.uid);
        await blocks.unblock(context, them, ann.uid);
        expect((await blocks.listBlocks(context, them, page)).items).toEqual([]);
      },
    },
  };
};
