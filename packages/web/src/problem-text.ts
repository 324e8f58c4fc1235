import { ParleyError } from "@parley/client";

/** What to show a person for whatever was thrown: the server's words, as sentences; of fields that are not valid all. */
export function messageOf(error: unknown): string {
  if (!(error instanceof ParleyError)) return "Something went wrong on this page. Reload it and try again.";
  if (error.code === "offline") return "The server cannot be reached.";
  const { errors } = error.problem as { errors?: { path: string; message: string }[] };
  const fields = errors?.filter(({ path }) => path !== "").map(({ path, message }) => sentence(`${path} ${message}`));
  return fields?.length ? fields.join(" ") : sentence(error.message);
}

function sentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}
