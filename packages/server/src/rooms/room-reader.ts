import type { ReadDatabase } from "../db/open.ts";
import type { Writes } from "../db/writer.ts";
import { readSnapshot } from "../event-log/snapshot.ts";
import type { Clock } from "../lib/clock.ts";
import { HallCount } from "./hall.ts";
import { readableRoom } from "./reading.ts";
import type { MessageTexts } from "./room-list.ts";
import { type RoomView, viewsOf } from "./room-view.ts";
import type { Actor, HallRules } from "./rooms.ts";

export interface RoomsParts {
  readonly db: ReadDatabase;
  readonly epoch: string;
  readonly writes: Writes;
  readonly clock: Clock;
  readonly hall: HallRules;
  readonly messageTexts: MessageTexts;
}

/** A room as someone sees it now, with the cursor that belongs to it. */
export function roomReader({ db, epoch, clock, hall }: Omit<RoomsParts, "writes" | "messageTexts">) {
  const hallCount = new HallCount();
  const read = (roomId: number, actor: Actor | undefined): Promise<RoomView & { asOf: string }> =>
    readSnapshot({ db, epoch }, async ({ db: snapshot, asOf }) => {
      const found = await readableRoom(snapshot, roomId, { actor, hall });
      const [view] = await viewsOf(snapshot, [found], { uid: actor?.uid, hallCount, now: clock.now() });
      return { ...(view as RoomView), asOf };
    });
  return { read, hallCount };
}
