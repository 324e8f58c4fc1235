import { parseArgs } from "node:util";
import { UsageError } from "./command.ts";

/** One call of `parley user`, as its arguments say. */
export type UserCall =
  | { readonly action: "list" }
  | { readonly action: "add"; readonly name: string; readonly power: 0 | 1; readonly passwordStdin: boolean }
  | {
      readonly action: "set";
      readonly name: string;
      readonly power: 0 | 1 | undefined;
      readonly passwordStdin: boolean;
    }
  | { readonly action: "password"; readonly name: string; readonly passwordStdin: boolean }
  | { readonly action: "disable" | "enable" | "delete" | "logins"; readonly name: string };

/** The options of each action. */
const OPTIONS = {
  add: ["admin", "no-admin", "password-stdin"],
  set: ["admin", "no-admin", "password-stdin"],
  password: ["password-stdin"],
  disable: [],
  enable: [],
  delete: [],
  logins: [],
  list: [],
} as const satisfies Record<UserCall["action"], readonly string[]>;

const ACTIONS = Object.keys(OPTIONS) as UserCall["action"][];

/** @throws UsageError, or what `parseArgs` throws for an unknown option */
export function parseUserCall(args: readonly string[]): UserCall {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      admin: { type: "boolean" },
      "no-admin": { type: "boolean" },
      "password-stdin": { type: "boolean" },
    },
  });
  const [given, name, ...rest] = positionals;
  const action = ACTIONS.find((one) => one === given);
  if (!action) throw new UsageError(`parley user needs one of: ${ACTIONS.join(", ")}`);
  const taken: readonly string[] = OPTIONS[action];
  const wrong = Object.keys(values).find((option) => !taken.includes(option));
  if (wrong !== undefined) throw new UsageError(`parley user ${action} takes no --${wrong}`);
  if (action === "list") {
    if (name !== undefined) throw new UsageError(`parley user list takes no NAME, but got ${name}`);
    return { action };
  }
  if (name === undefined || rest.length > 0) throw new UsageError(`parley user ${action} needs one NAME`);
  const { admin = false, "no-admin": noAdmin = false, "password-stdin": passwordStdin = false } = values;
  if (admin && noAdmin) throw new UsageError("--admin and --no-admin exclude each other");
  if (action === "add") return { action, name, power: admin ? 1 : 0, passwordStdin };
  if (action === "password") return { action, name, passwordStdin };
  if (action !== "set") return { action, name };
  const power = admin ? 1 : noAdmin ? 0 : undefined;
  if (power === undefined && !passwordStdin) {
    throw new UsageError("parley user set needs --admin, --no-admin or --password-stdin");
  }
  return { action, name, power, passwordStdin };
}
