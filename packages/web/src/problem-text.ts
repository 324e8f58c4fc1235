import { ParleyError } from "@parley/client";

/** What to show a person for anything that was thrown: the server's words, as sentences; for invalid fields all of them. */
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
