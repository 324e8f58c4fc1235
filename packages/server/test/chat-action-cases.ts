import { expect } from "bun:test";
import { ActType, MarkType, type Message } from "@parley/protocol";
import type { Context } from "../src/context.ts";
import * as marks from "../src/marks/mark-actions.ts";
import type { Person } from "./admin-action-cases.ts";

/** What the cases of `actions.test.ts` stand on. */
interface Rig {
  readonly context: Context;
  readonly ann: Person;
  readonly ben: Person;
  /** A group of ann's. */
  readonly group: (...others: Person[]) => Promise<number>;
  readonly say: (actor: Person, roomId: number, content: string) => Promise<Message>;
  readonly codeOf: (action: Promise<unknown>) => Promise<string | undefined>;
}

/** Of what people do with messages of others. @param rig is called when a case runs: before, nothing is open */
export const markCases = (rig: () => Rig): Record<string, () => Promise<void>> => ({
  async changeMark() {
    const { context, ann, ben, group, say, codeOf } = rig();
    const { message } = await say(ann, await group(), "well said");
    const wanted = { messageId: message.id, markType: MarkType.like, actType: ActType.confirm };
    expect(await marks.changeMark(context, ann, wanted)).toMatchObject({ likeCount: 1, userLike: 1 });
    expect(await codeOf(marks.changeMark(context, ben, wanted))).toBe("not_found");
  },
});
