import * as parse from "./parse.ts";
import type { Reader } from "./reader.ts";

/** What is asked before people's messages are sent. */
export interface SendHookConfig {
  readonly url: string;
  /** What becomes of a message when there is no answer: `open` sends it, `closed` refuses it. */
  readonly fail: "open" | "closed";
}

/** Undefined if the product is not asked. The secret, which is required too, is kept with the others. */
export function readSendHook(read: Reader): { hook: SendHookConfig | undefined; secret: string | undefined } {
  const url = read.maybe("SEND_HOOK_URL", parse.address, "off");
  const secret = read.maybe("SEND_HOOK_SECRET", parse.signingSecret, "off");
  const fail = read.value("SEND_HOOK_FAIL", parse.oneOf("open", "closed"), "open");
  if (read.isSet("SEND_HOOK_URL") && !read.isSet("SEND_HOOK_SECRET")) {
    read.problems.push("SEND_HOOK_SECRET is not set, wanted the secret that signs the requests to SEND_HOOK_URL");
  }
  for (const name of ["SEND_HOOK_SECRET", "SEND_HOOK_FAIL"] as const) {
    if (read.isSet(name) && !read.isSet("SEND_HOOK_URL")) {
      read.problems.push(`SEND_HOOK_URL is not set, wanted the address that ${name} is for`);
    }
  }
  return { hook: url === undefined ? undefined : { url, fail }, secret };
}
