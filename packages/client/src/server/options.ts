import { check } from "../lib/check.ts";
import type { Fetch } from "../lib/surroundings.ts";

export interface ServerClientOptions {
  /** Of the server, such as `https://im.example.com`. */
  readonly url: string;
  /** A server key, `ps_…`, made by `parley key add`. */
  readonly key: string;
  /** How often a request is tried in all [5]. The server says how long to wait; otherwise it is 0.5 to 20 s, longer each time. */
  readonly tries?: number;
  /** Used instead of the platform's. */
  readonly fetch?: Fetch;
}

const KNOWN = ["url", "key", "tries", "fetch"];

/** @returns the server's address without a slash at its end. @throws TypeError that names a wrong option */
export function checkServerOptions(options: ServerClientOptions): string {
  const { url, key, tries, fetch } = options;
  const unknown = Object.keys(options).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) throw new TypeError(`\`${unknown}\` is not an option; options are ${KNOWN.join(", ")}`);
  check(typeof url === "string" && /^https?:\/\//.test(url) && URL.canParse(url), "url", "an http or https address");
  check(typeof key === "string" && key.startsWith("ps_"), "key", "a server key, which begins with ps_");
  check(tries === undefined || (Number.isInteger(tries) && tries > 0), "tries", "a whole number from 1");
  check(fetch === undefined || typeof fetch === "function", "fetch", "a function");
  return url.replace(/\/+$/, "");
}
