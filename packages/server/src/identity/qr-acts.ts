import { boundRows, textList } from "../db/rows.ts";
import { type Outcome, outcomeOf, sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { isOfProduct, type LoginId, type ProductLoginId } from "../lib/login-id.ts";
import { ProblemError } from "../lib/problem.ts";
import { Internal, internalEvent } from "./internal-events.ts";
import { livingCode } from "./qr-life.ts";

/** What phones do with codes. Each step is judged by the code's state after the earlier steps in the batch. */

/** How long a confirmed code waits for its requester to collect the login, at least. */
const COLLECT_WITHIN_MS = 30_000;

/** What a phone's login does with a code. */
export interface QrAct {
  readonly code: string;
  readonly loginId: LoginId;
  readonly uid: number;
}

/** The device that wants to be signed in, as the phone shows it before it confirms. */
export interface QrRequester {
  readonly ip: string;
  readonly userAgent: string;
  readonly requestedAt: number;
}

interface Code {
  readonly code: string;
  readonly ip: string;
  readonly userAgent: string;
  readonly requestedAt: number;
  state: "pending" | "scanned" | "confirmed" | "rejected" | "used";
  expiresAt: number;
  loginId: LoginId | null;
  uid: number | null;
}

/** Pure: changes the code, or leaves it as it is if there is nothing to do. @throws ProblemError */
type Step<O> = (code: Code, act: QrAct, now: number) => O;

/**
 * Binds codes to the logins that scan them; the same login may repeat it.
 * Refused: `not_found` (unknown, expired), `qr_taken` (another login has it), `qr_state` (rejected, used).
 */
export function scanQrCode(tx: WriteTransaction, acts: readonly QrAct[]): Promise<Outcome<QrRequester>[]> {
  return stepped(tx, acts, (code, { loginId, uid }) => {
    if (code.state === "rejected" || code.state === "used") throw new ProblemError("qr_state");
    if (code.state === "pending") Object.assign(code, { state: "scanned", loginId, uid } satisfies Partial<Code>);
    return { ip: code.ip, userAgent: code.userAgent, requestedAt: code.requestedAt };
  });
}

/**
 * Lets requesters in. Repeating it does nothing, even if the login was collected meanwhile: the phone may have
 * lost the reply. Refused like `scanQrCode`; `qr_state` when it was not scanned, or rejected.
 */
export function confirmQrCode(tx: WriteTransaction, acts: readonly QrAct[]): Promise<Outcome<void>[]> {
  return stepped(tx, acts, (code, _act, now) => {
    if (code.state === "confirmed" || code.state === "used") return;
    if (code.state !== "scanned") throw new ProblemError("qr_state");
    code.state = "confirmed";
    code.expiresAt = Math.max(code.expiresAt, now + COLLECT_WITHIN_MS);
  });
}

/** Turns requesters away. Repeating it does nothing. Refused like `confirmQrCode`; `qr_state` once confirmed. */
export function rejectQrCode(tx: WriteTransaction, acts: readonly QrAct[]): Promise<Outcome<void>[]> {
  return stepped(tx, acts, (code) => {
    if (code.state === "rejected") return;
    if (code.state !== "scanned") throw new ProblemError("qr_state");
    code.state = "rejected";
  });
}

async function stepped<O>(tx: WriteTransaction, acts: readonly QrAct[], step: Step<O>): Promise<Outcome<O>[]> {
  const codes = await codesOf(tx, acts);
  const before = new Map([...codes.values()].map(({ code, state }) => [code, state]));
  const outcomes = acts.map((act) =>
    outcomeOf(() => {
      const code = codes.get(act.code);
      if (!code) throw new ProblemError("not_found");
      if (code.loginId !== null && code.loginId !== act.loginId) throw new ProblemError("qr_taken");
      return step(code, act, tx.clockNow);
    }),
  );
  await store(
    tx,
    [...codes.values()].filter(({ code, state }) => before.get(code) !== state),
  );
  return outcomes;
}

/** Those that have not expired. */
async function codesOf(tx: WriteTransaction, acts: readonly QrAct[]): Promise<Map<string, Code>> {
  const rows = await tx.db
    .selectFrom("qr_logins")
    .select(["code", "state", "ip", "user_agent as userAgent", "requested_at as requestedAt"])
    .select(["expires_at as expiresAt", "scanned_by_login", "scanned_by_product_login", "scanned_by_uid as uid"])
    .where("code", "in", textList(acts.map(({ code }) => code)))
    .where((eb) => livingCode(eb, tx.clockNow))
    .execute();
  return new Map(
    rows.map(({ scanned_by_login, scanned_by_product_login, ...row }) => [
      row.code,
      { ...row, loginId: scanned_by_login ?? scanned_by_product_login },
    ]),
  );
}

async function store(tx: WriteTransaction, codes: readonly Code[]): Promise<void> {
  if (codes.length === 0) return;
  const rows = boundRows(
    { code: "text", state: "text", ends: "number", login: "number?", product: "text?", uid: "number" },
    codes.map(({ code, state, expiresAt, loginId, uid }) => {
      const ofProduct = loginId !== null && isOfProduct(loginId);
      return [code, state, expiresAt, ofProduct ? null : loginId, ofProduct ? loginId : null, uid];
    }),
  );
  sent(
    tx,
    tx.db
      .updateTable("qr_logins")
      .from(rows.as("stepped"))
      .set((eb) => ({
        state: eb.ref("stepped.state").$castTo<Code["state"]>(),
        expires_at: eb.ref("stepped.ends"),
        scanned_by_login: eb.ref("stepped.login"),
        scanned_by_product_login: eb.ref("stepped.product").$castTo<ProductLoginId | null>(),
        scanned_by_uid: eb.ref("stepped.uid"),
      }))
      .whereRef("qr_logins.code", "=", "stepped.code")
      .execute(),
  );
  const told = codes.map(({ code, state }) =>
    internalEvent(Internal.QR_CHANGED, { code, state: state as "scanned" | "confirmed" | "rejected" }),
  );
  await append(tx, told);
}
