/** A command that only works on data found none; the message says what to do. */
export class DatabaseMissing extends Error {
  override readonly name = "DatabaseMissing";
}
