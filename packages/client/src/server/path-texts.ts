import { RequestError } from "./request-error.ts";

/** One of the people or rooms: an external id is a text, an id of Parley's a number. */
export type Ref = string | number;

/** In an address these are no names: the first two mean a part above, and the last one is not there at all. */
const NO_NAMES = [".", "..", ""];

/**
 * How an address names people, rooms and matters. In it `~` and a number is an id of Parley's, so a text that begins with `~` would mean somebody else there than
 * in a body: where people choose their own ids in the product, one who calls themselves "~20000" would be taken for user 20000. Such texts are nobody's id, and are refused here.
 * @throws RequestError `invalid`, as the server's answer to such a text in a body is
 */
export function pathTexts(path: Readonly<Record<string, Ref>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(path).map(([name, ref]) => [name, typeof ref === "number" ? `~${ref}` : checked(name, ref)]),
  );
}

function checked(name: string, text: string): string {
  const isId = name === "user" || name === "room";
  if (isId && text.startsWith("~")) throw invalid(name, "must not begin with ~");
  if (NO_NAMES.includes(text)) throw invalid(name, "must not be empty, . or ..");
  return text;
}

function invalid(path: string, message: string): RequestError {
  const detail = `${path}: ${message}`;
  return new RequestError(400, { status: 400, code: "invalid", title: detail, detail, errors: [{ path, message }] });
}
