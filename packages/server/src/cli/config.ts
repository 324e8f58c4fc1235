import { parseArgs } from "node:util";
import { loadConfig } from "../config/config.ts";
import { ENV } from "../config/env.ts";
import type { ConfigEntry } from "../config/reader.ts";
import type { Command } from "./command.ts";

export const configCommand: Command = {
  name: "config",
  summary: "show every setting, its value and where it comes from",
  help: `
Usage: parley config [--json]

Checks the settings as the server does when it starts, and shows them. Secrets are hidden.
If settings are wrong, prints a line for each and exits with 1.

  --json    print JSON, for programs
`,
  async run(args, io) {
    const { values } = parseArgs({ args: [...args], options: { json: { type: "boolean" } } });
    const { entries, warnings } = loadConfig(io.env);
    for (const warning of warnings) io.err(`Warning: ${warning}\n`);
    io.out(values.json ? asJson(entries) : asTable(entries));
    return 0;
  },
};

function asJson(entries: readonly ConfigEntry[]): string {
  const byName = Object.fromEntries(entries.map(({ name, value, source }) => [name, { value, source }]));
  return `${JSON.stringify(byName, null, 2)}\n`;
}

function asTable(entries: readonly ConfigEntry[]): string {
  const rows = entries.map(({ name, value, source }) => [name, value, source, ENV[name].text] as const);
  const widths = [0, 1, 2].map((column) => Math.min(44, Math.max(...rows.map((row) => row[column]!.length))));
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  return `${rows.map((row) => line(row).trimEnd()).join("\n")}\n`;
}
