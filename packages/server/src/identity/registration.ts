import type { Registration } from "../http/pages.ts";
import type { IdentityContext } from "./identity-context.ts";
import { hasAccounts } from "./users.ts";

/** What the page's document says about making accounts. Once there has been an account it is not looked for again. */
export function registrationOf(context: Pick<IdentityContext, "db" | "registrationOpen">): () => Promise<Registration> {
  const { db, registrationOpen } = context;
  let isKnown = false;
  return async () => {
    if (!registrationOpen) return "closed";
    isKnown ||= await hasAccounts(db);
    return isKnown ? "open" : "first";
  };
}
