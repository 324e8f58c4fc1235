import type { SendRequest } from "../api/routes.ts";
import type { Author } from "./authors.ts";

/** A message on its way. */
export interface Sending {
  readonly roomId: number;
  readonly request: SendRequest;
  readonly author: Author;
}
