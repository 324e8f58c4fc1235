import { type Cursor, CursorMalformed, parseCursor } from "@parley/protocol";
import { ProblemError } from "../lib/problem.ts";

/** Reads a cursor that a client named. @throws ProblemError `cursor_malformed`, which says what is wrong */
export function parseClientCursor(text: string): Cursor {
  try {
    return parseCursor(text);
  } catch (error) {
    if (!(error instanceof CursorMalformed)) throw error;
    throw new ProblemError("cursor_malformed", `The cursor is malformed: ${error.message}`);
  }
}
