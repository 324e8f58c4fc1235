import { Push, type PushData } from "@parley/protocol";
import { defineWrite } from "../../src/db/transaction.ts";
import { append } from "../../src/event-log/event-log.ts";

/** What is logged: an event that changes nothing and that every transport shows. */
const memberUpdate = (data: PushData[112]): string => JSON.stringify(data);

interface Flood {
  readonly roomIds: readonly number[];
  readonly from: number;
  readonly count: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** `count` events, one room after the other from the `from`th on, in one transaction: what no client can ask for. */
export const flood = defineWrite("test.flood", async (tx, { roomIds, from, count, at }: Flood) => {
  const drafts = Array.from({ length: count }, (_, i) => {
    const roomId = roomIds[(from + i) % roomIds.length] as number;
    return {
      stream: `room:${roomId}`,
      type: Push.MEMBER_UPDATE,
      data: () => memberUpdate({ roomId, uid: 1, role: 3 }),
    };
  });
  await append(tx, at, drafts);
  return undefined;
});
