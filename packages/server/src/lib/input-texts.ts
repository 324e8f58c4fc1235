import { z } from "zod";

type Issue = z.core.$ZodRawIssue;

/** How a wrong value's kind is called in what people read. */
const KINDS: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
};

/**
 * What is wrong with a value, to be read after its name: "must have at most 32 characters". Schemas say it themselves where
 * they know better. Undefined: the schema library's own words.
 */
function inputText(issue: Issue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined ? "is required" : `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case "too_small":
      return bounded(issue.origin, issue.inclusive === false ? "more than" : "at least", issue.minimum);
    case "too_big":
      return bounded(issue.origin, issue.inclusive === false ? "less than" : "at most", issue.maximum);
    case "invalid_value":
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`;
    case "unrecognized_keys":
      return `has unknown fields: ${listed(issue.keys)}`;
    default:
      return undefined;
  }
}

/** Unknown fields that are named, and characters of each: a refusal is no place for thousands, or for one of 200 KB. */
const NAMED = 10;
const NAME_LENGTH = 64;

function listed(names: readonly string[]): string {
  const shown = names
    .slice(0, NAMED)
    .map((name) => (name.length > NAME_LENGTH ? `${name.slice(0, NAME_LENGTH).toWellFormed()}…` : name));
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : "";
  return shown.join(", ") + more;
}

function bounded(origin: string, how: string, bound: number | bigint): string {
  const unit = origin === "string" ? "character" : origin === "array" || origin === "set" ? "item" : undefined;
  if (unit === undefined) return `must be ${how} ${bound}`;
  return `must have ${how} ${bound} ${unit}${bound === 1 ? "" : "s"}`;
}

/** From now on all schemas of this process speak so. */
export function useInputTexts(): void {
  z.config({ customError: inputText });
}
