import { parseArgs } from "node:util";
import { type Command, UsageError } from "./command.ts";
import { examine } from "./doctor-checks.ts";

const HELP = `
Usage: parley doctor URL [--token TOKEN] [--idle SECONDS]

Examines a running server from here, through all proxies in between: which address the server sees,
whether WebSocket connections open and stay open on each of their paths and ports, whether tokens
get through, and whether pushes over SSE arrive at once.

  URL               the address that people type, such as https://chat.example.com
  --token TOKEN     anybody's token, for checks that need one (an administrator's shows the trusted proxies too)
  --idle SECONDS    also keep a connection open that long (1 to 600) and see whether it is cut;
                    70 finds proxies that cut after a minute

Exits with 0 if no check failed. Says what was not checked; all is well only if everything was.
`;

/** `parley doctor`: needs no configuration and no database, so it runs from any machine. */
export const doctorCommand: Command = {
  name: "doctor",
  summary: "examine a running server and the proxies in front of it",
  help: HELP,
  run: (args, io) => runDoctor(args, (line) => io.out(`${line}\n`)),
};

/** @returns the exit code: 1 when a check failed. @throws UsageError */
export async function runDoctor(args: readonly string[], out: (line: string) => void): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { idle: { type: "string" }, token: { type: "string" } },
    allowPositionals: true,
  });
  const [text, ...more] = positionals;
  if (text === undefined || more.length > 0) throw new UsageError("parley doctor takes one URL");
  const url = readUrl(text);
  const idleSeconds = values.idle === undefined ? 0 : readIdle(values.idle);
  const token = values.token === undefined ? undefined : readToken(values.token);
  const findings = { failed: 0, warned: 0, skipped: 0 };
  out(`Examining ${url.origin}`);
  for await (const { level, text: found } of examine(url, { idleSeconds, token })) {
    if (level === "fail") findings.failed++;
    if (level === "warn") findings.warned++;
    if (level === "skip") findings.skipped++;
    out(`${level.padEnd(6)}${found}`);
  }
  out(summary(findings));
  return findings.failed > 0 ? 1 : 0;
}

/** Only the origin counts: what people paste often has a path. */
function readUrl(text: string): URL {
  const withScheme = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const http = withScheme.replace(/^ws/i, "http");
  if (!/^https?:/i.test(http) || !URL.canParse(http))
    throw new UsageError(`${text} is not a URL such as https://chat.example.com`);
  return new URL(new URL(http).origin);
}

function readIdle(text: string): number {
  const seconds = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (seconds >= 1 && seconds <= 600) return seconds;
  throw new UsageError("--idle takes whole seconds from 1 to 600");
}

/** It travels in headers: of a token with a line's end in it, nothing would be sent. */
function readToken(text: string): string {
  const token = text.trim();
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new UsageError("--token takes a token as it was given out, such as pl_…");
}

function summary({ failed, warned, skipped }: { failed: number; warned: number; skipped: number }): string {
  const open = skipped === 0 ? "" : ` ${skipped === 1 ? "One check was" : `${skipped} checks were`} not done.`;
  if (failed > 0) return `${failed === 1 ? "One check" : `${failed} checks`} failed.${open}`;
  if (warned > 0) return `It works; see the warnings.${open}`;
  return skipped > 0 ? `What was checked is well.${open}` : "All is well.";
}
