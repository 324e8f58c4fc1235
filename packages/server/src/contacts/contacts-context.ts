import type { RoomsContext } from "../rooms/rooms-context.ts";

/** What the actions of contacts need. */
export type ContactsContext = Pick<RoomsContext, "db" | "epoch" | "writes" | "rates" | "clock" | "presence">;
