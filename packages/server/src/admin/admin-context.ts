/**
 * What administrators of the server (power 1) see and do, under `/api/v1/admin`. Each route has `requireAdministrator` of
 * `http/authenticate.ts` and says so in the document by `administrators` of `http/openapi.ts`; a test requests all of them as a member and
 * without a login. An administrator's token may be stolen, so what it can do has rates and bounds like everybody's work, and each act is
 * kept in the audit log.
 *
 * Other features keep their own routes under `/admin` and list them in `src/feature-routes.ts`. Must not import the gateway.
 */
import type { BaseContext } from "../db/base-context.ts";
import type { NodeChannel } from "../nodes/channel.ts";
import type { Questions } from "../nodes/questions.ts";
import type { Presence } from "../presence/presence.ts";
import type { HallCount } from "../rooms/hall.ts";
import type { LiveConnections } from "./live-connections.ts";
import type { Series, SeriesReader } from "./series.ts";

export interface AdminContext extends BaseContext {
  readonly live: LiveConnections;
  /** What this process measures, if it is the one that does. */
  readonly series: Series;
  /** What all processes show. */
  readonly charts: SeriesReader;
  /** What a start of a reader needs: unread counts, and the rooms of the person. */
  readonly starts: {
    redDotOf(uid: number): Promise<{ readonly total: number }>;
    roomsOf(uid: number): Promise<{ readonly rows: readonly unknown[] }>;
  };
  readonly presence: Presence;
  readonly hallCount: HallCount;
  readonly channel: NodeChannel;
  readonly questions: Questions;
}
