import type { SendRequest } from "../api/routes.ts";
import type { Author } from "./authors.ts";

/** One message on its way, as it is posted and stored. */
export interface Sending {
  readonly roomId: number;
  readonly request: SendRequest;
  readonly author: Author;
}
