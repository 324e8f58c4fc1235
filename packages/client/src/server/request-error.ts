import { ParleyError } from "../api/parley-error.ts";

/** A refusal of the server, or no answer at all, in the form for the product's backend. Pages do not need the place. */
export class RequestError extends ParleyError {
  /** Where something is wrong in the request, such as `items.3.name`, if the server has said so; the first of several places. */
  get path(): string | undefined {
    return (this.problem.errors as { path: string }[] | undefined)?.[0]?.path;
  }

  static of({ status, problem, retryAfterMs }: ParleyError): RequestError {
    return new RequestError(status, problem, retryAfterMs);
  }
}
