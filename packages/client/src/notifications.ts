import type { NotificationCounts } from "./api/api-types.ts";
import type { Reply, Routes } from "./api/routes.ts";
import type { Client } from "./client.ts";

type Query = NonNullable<Routes["GET /notifications"]["args"]["query"]>;

/** The notifications of a client's user. */
export interface Notifications {
  /** A page of them, newest first, and the counters. */
  list(query?: Query): Promise<Reply<"GET /notifications">>;
  /** Marks all up to this id as seen: they no longer make a dot. */
  seen(upTo: number): Promise<NotificationCounts>;
  /** Marks these as read: all up to an id (`upTo`), and some by their `ids`. */
  read(what: { upTo?: number; ids?: number[] }): Promise<NotificationCounts>;
  /** These leave the list. */
  archive(ids: number[]): Promise<NotificationCounts>;
}

/** It is separate from the client, so that pages which show none do not load it. News comes as `notification` and `self`. */
export function notificationsOf(client: Client): Notifications {
  return {
    list: (query = {}) => client.request("GET /notifications", { query }),
    seen: (upTo) => client.request("PUT /notifications/seen", { body: { upTo } }),
    read: (what) => client.request("PUT /notifications/read", { body: what }),
    archive: (ids) => client.request("PUT /notifications/archive", { body: { ids } }),
  };
}
