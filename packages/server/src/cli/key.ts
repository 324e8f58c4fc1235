import { SERVER_SCOPES } from "@parley/protocol";
import { type Config, loadConfig } from "../config/config.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { ProblemError } from "../lib/problem.ts";
import { type Command, CommandFailed, type Io } from "./command.ts";
import { type KeyCall, type NewKey, parseKeyCall } from "./key-call.ts";

/** Times are epoch milliseconds; null: never. */
export interface ListedKey {
  readonly id: number;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
  /** Requests a second; null: the usual number. */
  readonly rate: number | null;
  readonly recipientsRate: number | null;
  readonly allRate: number | null;
}

/** Server keys as an operator changes them, in a database that no server needs to have open. Refusals are ProblemErrors. */
export interface KeyRing {
  add(key: NewKey): Promise<{ id: number; key: string }>;
  revoke(name: string): Promise<{ id: number }>;
  /** Oldest first. */
  list(): Promise<readonly ListedKey[]>;
  close(): Promise<void>;
}

const HELP = `
Usage: parley key add NAME [--scopes LIST] [--expires WHEN] [--rate N]
                           [--recipients N] [--to-all N]
       parley key list
       parley key revoke NAME

Makes, lists and revokes the keys with which your product's backend calls /api/v1/server. The
server may be running. add prints the key once; only its hash is stored. Log lines and metrics
show NAME. revoke ends a key for good, on a running server within a second. list shows id, name,
scopes, when the key was made, when it was last used, when it expires, and the rates that were set
for it: requests, recipients, to everybody.

  --scopes LIST     what the key is for, comma-separated [everything]:
                    ${SERVER_SCOPES.slice(0, 5).join(", ")},
                    ${SERVER_SCOPES.slice(5).join(", ")}
  --expires WHEN    a number of days from now, such as 90d, or a date, such as 2030-01-31
  --rate N          requests a second, and five times as many at once [2000]
  --recipients N    people and rooms a second that notifications and events go to, and ten times
                    as many at once [10000]
  --to-all N        notifications and events a second to everybody, and ten times as many
                    at once [1]
`;

/** @param open opens the keys of a configuration, bringing the database up to date first */
export function keyCommand(open: (config: Config) => Promise<KeyRing>, clock: Clock = systemClock): Command {
  return {
    name: "key",
    summary: "make, list and revoke keys for your product's backend",
    help: HELP,
    async run(args, io) {
      const call = parseKeyCall(args, clock.now());
      const { config } = loadConfig(io.env);
      const keys = await open(config);
      try {
        await perform(call, keys, io);
      } catch (error) {
        if (error instanceof ProblemError) throw new CommandFailed(error.message);
        throw error;
      } finally {
        await keys.close();
      }
      return 0;
    },
  };
}

async function perform(call: KeyCall, keys: KeyRing, io: Io): Promise<void> {
  switch (call.action) {
    case "list":
      for (const key of await keys.list()) io.out(keyLine(key));
      return;
    case "revoke": {
      const { id } = await keys.revoke(call.name);
      return io.out(`Revoked ${call.name} (key ${id})\n`);
    }
    case "add": {
      const { id, key } = await keys.add(call.key);
      return io.out(`Added ${call.key.name} (key ${id})\nKey: ${key}\nIt is not shown again.\n`);
    }
  }
}

function keyLine({ id, name, scopes, createdAt, lastUsedAt, expiresAt, ...key }: ListedKey): string {
  const time = (at: number | null) => (at === null ? "never" : new Date(at).toISOString());
  const rates = [key.rate ?? "", key.recipientsRate ?? "", key.allRate ?? ""];
  const cells = [id, name, scopes.join(","), time(createdAt), time(lastUsedAt), time(expiresAt), ...rates];
  return `${cells.join("\t")}\n`;
}
