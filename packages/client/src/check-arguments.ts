import { parseCursor } from "@parley/protocol/cursor";
import { LIMITS } from "@parley/protocol/limits";
import { check, checkId, checkName } from "./lib/check.ts";
import type { ClientOptions } from "./options.ts";

type Check = readonly [isRight: (value: never) => unknown, wanted: string];

const isFunction = (value: unknown) => typeof value === "function";
const FUNCTION: Check = [isFunction, "a function"];
const TRANSPORTS = ["websocket", "sse", "long-poll", "short-poll"];

const OPTIONS: Record<Exclude<keyof ClientOptions, "url">, Check> = {
  token: [(value: unknown) => typeof value === "string" || isFunction(value), "a text or a function"],
  login: [(value: ClientOptions["login"]) => value?.name && value.password, "{name, password}"],
  transports: [
    (value: unknown) => Array.isArray(value) && value.length > 0 && value.every((name) => TRANSPORTS.includes(name)),
    `some of ${TRANSPORTS.join(", ")}`,
  ],
  webSocketPath: [(value: unknown) => /^\/[^?#]*$/.test(String(value)), "such as /ws"],
  cursor: [isCursor, "what client.cursor gave"],
  max: [
    (value: number) => Number.isInteger(value) && value > 0 && value <= LIMITS.farMax,
    `a whole number from 1 to ${LIMITS.farMax}`,
  ],
  maxWaiting: [(value: number) => value >= 0, "a number"],
  tabs: [(value: unknown) => typeof value === "boolean", "true or false"],
  worker: [(value: unknown) => value === null || typeof value === "string", "an address or null"],
  storage: [(value: { area?: { getItem?: unknown } }) => isFunction(value?.area?.getItem), "{area, owner}"],
  fetch: FUNCTION,
  webSocket: FUNCTION,
  reload: FUNCTION,
  onWarning: FUNCTION,
  onError: FUNCTION,
};

/** @returns the server's address without a slash at its end. @throws TypeError */
export function checkOptions(options: ClientOptions): string {
  const { url: address, ...others } = options;
  for (const [name, value] of Object.entries(others)) {
    checkName(name, Object.keys(OPTIONS), "an option");
    const [isRight, wanted] = OPTIONS[name as keyof typeof OPTIONS];
    if (value !== undefined) check(isRight(value as never), name, wanted);
  }
  let url: URL | undefined;
  try {
    url = new URL(address, typeof location === "undefined" ? undefined : location.href);
  } catch {}
  check(/^https?:$/.test(url?.protocol ?? ""), "url", "such as https://im.example.com");
  return (url as URL).href.replace(/\/+$/, "");
}

function isCursor(value: string): boolean {
  try {
    return !!parseCursor(value);
  } catch {
    return false;
  }
}

/** @throws TypeError */
export function checkMark(messageId: number, mark: string): void {
  checkId(messageId, "messageId", "a message's id");
  check(mark === "like" || mark === "dislike", "mark", "like or dislike");
}
