import type { NotificationCounts } from "./api/api-types.ts";
import type { Reply, Routes } from "./api/routes.ts";
import type { Client } from "./client.ts";

type Query = NonNullable<Routes["GET /notifications"]["args"]["query"]>;

/** The notifications of a client's user. */
export interface Notifications {
  /** A page of them, the newest first, and the counters. */
  list(query?: Query): Promise<Reply<"GET /notifications">>;
  /** The user has seen all up to this id: they make no dot any more. */
  seen(upTo: number): Promise<NotificationCounts>;
  /** The user has read these: all up to an id (`upTo`), and some by their `ids`. */
  read(what: { upTo?: number; ids?: number[] }): Promise<NotificationCounts>;
  /** These leave the list. */
  archive(ids: number[]): Promise<NotificationCounts>;
}

/** It stands beside the client, so that pages which show none do not load it. What is new comes as `notification` and `self`. */
export function notificationsOf(client: Client): Notifications {
  return {
    list: (query = {}) => client.request("GET /notifications", { query }),
    seen: (upTo) => client.request("PUT /notifications/seen", { body: { upTo } }),
    read: (what) => client.request("PUT /notifications/read", { body: what }),
    archive: (ids) => client.request("PUT /notifications/archive", { body: { ids } }),
  };
}
