import type { Context } from "hono";
import { z } from "zod";
import type { AppEnv } from "../http/app-env.ts";
import { isTokenForm } from "./tokens.ts";

/** Enough to tell a person's devices apart; the rest of a long one is noise. */
const USER_AGENT_MAX = 256;
/** The longest address: IPv6 with an IPv4 address in it. */
const IP_MAX = 45;

/** An address in the form that replies show: IPv4 or IPv6. */
export const ipText = z.string().max(IP_MAX);
export const userAgentText = z.string().max(USER_AGENT_MAX);
/** Where an address is; always null so far. */
export const placeText = z.string().max(128).nullable();

/** Text of a User-Agent header as it is stored and shown: bounded, one line, "" when absent. */
function shownUserAgent(header: string | null | undefined): string {
  return (header ?? "")
    .replace(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, USER_AGENT_MAX);
}

/** Where a request comes from, as a login and a QR code keep it: the actor when nobody is signed in yet. */
export interface Requester {
  readonly ip: string;
  readonly userAgent: string;
  /** A possible token of one of their logins, which may no longer be valid. */
  readonly token?: string;
}

export function requesterOf(c: Context<AppEnv>): Requester {
  const token = /^Bearer\s+(\S+)$/i.exec(c.req.header("Authorization")?.trim() ?? "")?.[1];
  return {
    ip: c.env.ip,
    userAgent: shownUserAgent(c.req.header("User-Agent")),
    ...(token !== undefined && isTokenForm(token) ? { token } : {}),
  };
}
