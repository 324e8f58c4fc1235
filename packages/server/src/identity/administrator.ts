import type { Context } from "hono";
import type { Acting } from "../audit/audit-writes.ts";
import type { BaseContext } from "../db/base-context.ts";
import type { AppEnv } from "../http/app-env.ts";
import type { Login } from "../http/login.ts";
import { takeEach } from "../limits/take-each.ts";

/** The administrator who makes a request, as actions under `/admin` get them. */
export interface AdminActor extends Login {
  /** The client's address, in canonical form. */
  readonly ip: string;
}

/** Behind `requireAdministrator`. */
export function adminOf(c: Context<AppEnv & { Variables: { login: Login } }>): AdminActor {
  return { ...c.get("login"), ip: c.env.ip };
}

/** An administrator, as the audit log has them. */
export type Administrator = Acting & { readonly uid: number };

export function acting({ uid, ip }: AdminActor): Administrator {
  return { uid, ip };
}

/** Every act of an administrator counts, whatever its result. @throws ProblemError `rate_limited` */
export function countAct({ rates }: Pick<BaseContext, "rates">, { uid }: Pick<Login, "uid">): void {
  takeEach({ rate: rates.administration, key: uid }, { rate: rates.administrationADay, key: uid });
}
