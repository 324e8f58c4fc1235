import { type RawBuilder, sql } from "kysely";
import type { CountRows } from "../db/count-row.ts";

/** How many unread requests wait for an answer of each of these people; no row: none. @param asked has their `uid` */
export function requestSelection(asked: RawBuilder<{ uid: number }>): CountRows {
  return sql`
    select asked.uid, 'friend requests' as what, count(*) as first, 0 as second
    from ${asked} as asked
    join friend_requests as request on request.to_uid = asked.uid
      and request.state = 'open' and request.hidden = 0 and request.read = 0
    group by asked.uid`;
}
