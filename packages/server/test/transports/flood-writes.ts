import { Push, type PushData } from "@parley/protocol";
import { single } from "../../src/db/procedures.ts";
import { ofServer } from "../../src/db/share.ts";
import type { WriteTransaction } from "../../src/db/transaction.ts";
import { append } from "../../src/event-log/event-log.ts";
import { procedures } from "../../src/writes.ts";

/** What is logged: an event that changes nothing and that every transport shows. */
const memberUpdate = (data: PushData[112]): string => JSON.stringify(data);

interface Flood {
  readonly roomIds: readonly number[];
  readonly from: number;
  readonly count: number;
}

/** Logs `count` events in one transaction, one room after the other from the `from`th on, which no client can ask for. */
export async function flood(tx: WriteTransaction, { roomIds, from, count }: Flood) {
  const drafts = Array.from({ length: count }, (_, i) => {
    const roomId = roomIds[(from + i) % roomIds.length] as number;
    return {
      stream: `room:${roomId}`,
      type: Push.MEMBER_UPDATE,
      data: () => memberUpdate({ roomId, uid: 1, role: 3 }),
    };
  });
  await append(tx, drafts);
  return undefined;
}

/** The server's procedures and this one. */
export const floodTable = { ...procedures, flood: single(flood, ofServer()) };
