import { ParleyError } from "../api/parley-error.ts";

/** A refusal of the server, or no answer at all, as the product's own backend looks at it. Pages do without the place. */
export class RequestError extends ParleyError {
  /** Where in the request something is wrong, as `items.3.name`, if the server has said so; the first place of several. */
  get path(): string | undefined {
    return (this.problem.errors as { path: string }[] | undefined)?.[0]?.path;
  }

  static of({ status, problem, retryAfterMs }: ParleyError): RequestError {
    return new RequestError(status, problem, retryAfterMs);
  }
}
