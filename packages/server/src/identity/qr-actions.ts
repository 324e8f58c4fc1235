import type { Login } from "../http/login.ts";
import { randomToken } from "../lib/ids.ts";
import { ipLimitKey } from "../lib/ip-range.ts";
import type { IdentityContext } from "./identity-context.ts";
import type { Granted } from "./logins.ts";
import { discardLogin } from "./logins-writes.ts";
import type { QrAct, QrRequester } from "./qr-acts.ts";
import * as acts from "./qr-acts.ts";
import type { QrAnswer, QrCode, QrPoll } from "./qr-login.ts";
import * as procedures from "./qr-writes.ts";
import type { Requester } from "./requester.ts";
import { hashOf, newToken } from "./tokens.ts";

/** The steps of signing in by QR code: the requester's, and those of the phone, which is signed in. */
type QrContext = Pick<IdentityContext, "writes" | "qrLogins" | "rates">;

/**
 * Makes a code that signs its requester in, once a phone confirms.
 * @param from.baseUrl where a phone reaches this server, see `public-url.ts`
 * @throws ProblemError `rate_limited`, by address, over HTTP and connections together
 */
export async function createQrCode(context: QrContext, from: Requester & { baseUrl: string }): Promise<QrCode> {
  const { ip, userAgent } = from;
  await context.rates.qrCodes.take(ipLimitKey(ip));
  const code = randomToken(128);
  const secret = randomToken(256);
  const made = { code, secretHash: hashOf(secret), ip, userAgent };
  const { expiresAt } = await context.writes.run(procedures.createQrCode, made);
  return { code, secret, url: `${from.baseUrl}/qr/${code}`, expiresAt };
}

/**
 * The code's state, and the login if it is confirmed; see `QrLogins.state` for how it waits. An aborted `signal` collects
 * nothing.
 * @throws ProblemError `not_found` for an unknown code or a wrong secret, `overloaded`
 */
export async function pollQrCode(context: QrContext, ask: QrPoll): Promise<QrAnswer> {
  const { signal } = ask;
  const state = await context.qrLogins.state(ask);
  if (signal?.aborted || state !== "confirmed") return { state };
  const granted = await collectQrLogin(context, ask);
  // Another poll has it, or the login that confirmed has ended.
  if (!granted) return { state: "expired" };
  if (!signal?.aborted) return { state, granted };
  await discardQrLogin(context, granted);
  return { state };
}

/**
 * The confirmed login, once, for a requester that has the secret; undefined when there is none. The login has the address
 * and user agent that asked for the code.
 */
export async function collectQrLogin(
  { writes }: Pick<QrContext, "writes">,
  { code, secret }: Pick<QrCode, "code" | "secret">,
): Promise<Granted | undefined> {
  const token = newToken();
  const input = { code, secretHash: hashOf(secret), tokenHash: hashOf(token) };
  const made = await writes.run(procedures.collectQrLogin, input);
  return made && { ...made, token };
}

/** Ends a collected login that can no longer reach anybody, so that no login is left whose token nobody has. */
export function discardQrLogin({ writes }: Pick<QrContext, "writes">, { user, loginId }: Granted): Promise<void> {
  return writes.run(discardLogin, { uid: user.uid, loginId });
}

/** The phone binds the code to its login and sees who asks. @throws ProblemErrors as the procedure says, like the next two */
export async function scanQrCode({ writes, rates }: QrContext, actor: Login, code: string): Promise<QrRequester> {
  rates.qrSteps.take(actor.uid);
  return writes.run(acts.scanQrCode, onCode(actor, code));
}

/** The phone signs the requester in. */
export async function confirmQrCode({ writes, rates }: QrContext, actor: Login, code: string): Promise<void> {
  rates.qrSteps.take(actor.uid);
  return writes.run(acts.confirmQrCode, onCode(actor, code));
}

/** The phone rejects the requester. */
export async function rejectQrCode({ writes, rates }: QrContext, actor: Login, code: string): Promise<void> {
  rates.qrSteps.take(actor.uid);
  return writes.run(acts.rejectQrCode, onCode(actor, code));
}

/**
 * Called every few seconds: removes the codes that expired a while ago, in writes that are short enough to let others in between.
 * @param atMost writes; the usual number removes several thousand codes a second, which is more than can be made
 */
export async function removeExpiredQrCodes(
  { writes }: Pick<QrContext, "writes">,
  { atMost }: { atMost: number },
): Promise<void> {
  for (let count = 0; count < atMost; count++) {
    if (!(await writes.run(procedures.removeExpiredQrCodes, undefined))) return;
  }
}

function onCode({ loginId, uid }: Login, code: string): QrAct {
  return { code, loginId, uid };
}
