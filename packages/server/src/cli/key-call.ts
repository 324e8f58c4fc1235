import { parseArgs } from "node:util";
import { SERVER_SCOPES } from "@parley/protocol";
import { UsageError } from "./command.ts";

/** A key that is to be made. */
export interface NewKey {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expiresAt: number | null;
  readonly rate: number | null;
  readonly recipientsRate?: number | null;
  readonly allRate?: number | null;
}

/** One call of `parley key`, as its arguments say. */
export type KeyCall =
  | { readonly action: "list" }
  | { readonly action: "revoke"; readonly name: string }
  | { readonly action: "add"; readonly key: NewKey };

/** The options of each action. */
const OPTIONS = {
  add: ["scopes", "expires", "rate", "recipients", "to-all"],
  list: [],
  revoke: [],
} as const satisfies Record<KeyCall["action"], readonly string[]>;

const ACTIONS = Object.keys(OPTIONS) as KeyCall["action"][];
const DAY_MS = 24 * 3_600_000;

/**
 * @param now epoch milliseconds
 * @throws UsageError, or what `parseArgs` throws for an unknown option
 */
export function parseKeyCall(args: readonly string[], now: number): KeyCall {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      scopes: { type: "string" },
      expires: { type: "string" },
      rate: { type: "string" },
      recipients: { type: "string" },
      "to-all": { type: "string" },
    },
  });
  const [given, name, ...rest] = positionals;
  const action = ACTIONS.find((one) => one === given);
  if (!action) throw new UsageError(`parley key needs one of: ${ACTIONS.join(", ")}`);
  const taken: readonly string[] = OPTIONS[action];
  const wrong = Object.keys(values).find((option) => !taken.includes(option));
  if (wrong !== undefined) throw new UsageError(`parley key ${action} takes no --${wrong}`);
  if (action === "list") {
    if (name !== undefined) throw new UsageError(`parley key list takes no NAME, but got ${name}`);
    return { action };
  }
  if (name === undefined || rest.length > 0) throw new UsageError(`parley key ${action} needs one NAME`);
  if (action === "revoke") return { action, name };
  const { scopes, expires } = values;
  return {
    action,
    key: {
      name,
      scopes: scopes === undefined ? SERVER_SCOPES : parseScopes(scopes),
      expiresAt: expires === undefined ? null : parseEnd(expires, now),
      rate: parseRate("rate", values.rate, "requests a second"),
      recipientsRate: parseRate("recipients", values.recipients, "people and rooms a second"),
      allRate: parseRate("to-all", values["to-all"], "notifications and events a second"),
    },
  };
}

function parseScopes(text: string): string[] {
  const scopes = text.split(",").map((scope) => scope.trim());
  const unknown = scopes.find((scope) => !SERVER_SCOPES.some((known) => known === scope));
  if (unknown === undefined) return scopes;
  throw new UsageError(`There is no scope ${JSON.stringify(unknown)}; there are ${SERVER_SCOPES.join(", ")}`);
}

function parseEnd(text: string, now: number): number {
  const [, days] = /^(\d{1,5})d$/.exec(text) ?? [];
  const at =
    days === undefined ? (/^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN) : now + Number(days) * DAY_MS;
  if (Number.isNaN(at))
    throw new UsageError(`--expires is ${text}, wanted days such as 90d, or a date such as 2030-01-31`);
  if (at <= now) throw new UsageError(`--expires is ${text}, which has already passed`);
  return at;
}

function parseRate(option: string, text: string | undefined, wanted: string): number | null {
  if (text === undefined) return null;
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new UsageError(`--${option} is ${text}, wanted ${wanted}`);
  return Number(text);
}
