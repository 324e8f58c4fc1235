import type { HALL_ROOM_ID } from "@parley/protocol";

/*
 * Stands in the protocol beside a schema. Importing its value would bring the schema library into the page, five times the
 * page's own size and in breach of its policy (it compiles code). The type is literal, so the compiler refuses a value that
 * is not the protocol's.
 */
export const HALL: typeof HALL_ROOM_ID = 1;
