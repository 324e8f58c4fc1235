/** PostgreSQL cannot be used as it is; the message is a whole sentence that says what to do, without the password. */
export class PostgresUnusable extends Error {
  override readonly name = "PostgresUnusable";
}

/** A connection was lost, or could not be made. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

/** What is wrong, by SQLSTATE (PostgreSQL, appendix A). Other codes mean that the statement itself was wrong. */
const FAULTS: Readonly<Record<string, string>> = {
  "53000": "has too few resources",
  "53100": "cannot grow, since its disk is full",
  "53200": "is out of memory",
  "53300":
    "takes no more connections; raise max_connections, or the CONNECTION LIMIT of the user or the database, or run fewer servers or processes",
  "57P01": "was shut down, or an administrator ended the connection",
  "57P02": "has crashed, and is recovering",
  "57P03": "is starting or stopping",
  "57P04": "was dropped",
  "57P05": "ended a connection that was idle for long",
  "57014": "took longer than 5 s for a statement",
  "55P03": "did not get the log's lock within 15 s",
  "25P03": "ended a transaction of this server that had been idle for 5 s",
  "25006": "takes no writes: it is a standby, or read-only",
  "40001": "rolled back a transaction because of another one that ran at the same time",
  "40P01": "rolled back a transaction because of a deadlock",
  "58000": "reports a system error",
  "58030": "cannot read or write its disk",
  // A setting of this server or of PostgreSQL is wrong. It may be corrected while the server runs.
  "28000":
    "refuses this user, or a connection without TLS; see DATABASE_URL (user, sslmode) and the server's pg_hba.conf",
  "28P01": "refuses the password in DATABASE_URL, or in PGPASSWORD if the address has none",
  "3D000": "has no database of that name; make one with createdb",
  "42501": "does not let this user do what Parley needs; the user has to own the database",
};

/** The same for what the driver says, which has no codes of its own. Its words are shown where they tell more. */
const DRIVER_FAULTS: readonly (readonly [said: RegExp, fault: (said: string) => string])[] = [
  [/client password must be a string/, () => "needs a password, and DATABASE_URL has none; set PGPASSWORD."],
  [/does not support SSL/, () => "does not speak TLS; take sslmode out of DATABASE_URL, or turn on TLS there."],
  [
    /certificate|altnames/i,
    (said) =>
      `has a certificate that cannot be verified (${said}); name its authority in DATABASE_URL with sslrootcert=FILE, or turn verification off with sslmode=no-verify.`,
  ],
];

/** What the system says of a connection that is broken or cannot be made. */
const LINE = /^(ECONN|EPIPE|ENOTFOUND|EAI_|ETIMEDOUT|EHOST|ENET|ENOENT)/;

/** What the driver says of a connection that is broken. */
const BROKEN =
  /Connection terminated|connection error and is not queryable|Client was closed|timeout expired|Connection ended/;

/** See `db/faults.ts`. */
export function passingFault(error: unknown): string | undefined {
  if (error instanceof PostgresUnusable) return `cannot be used. ${error.message}`;
  if (error instanceof ConnectionLost) {
    const { cause = error } = error;
    return (cause !== error && passingFault(cause)) || `cannot be reached (${(cause as Error).message}).`;
  }
  const fault = FAULTS[codeOf(error)];
  if (fault !== undefined) return `${fault} (PostgreSQL: ${(error as Error).message}).`;
  const said = saidByDriver(error);
  if (said !== undefined) return said;
  return isBroken(error) ? `cannot be reached (${(error as Error).message}).` : undefined;
}

/** Whether the connection is gone, so that nobody knows what became of the last statement. */
export function isBroken(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true;
  const code = codeOf(error);
  if (LINE.test(code) || code.startsWith("08") || /^(57P0[1-5]|25P03)$/.test(code)) return true;
  return error instanceof Error && code === "" && BROKEN.test(error.message);
}

function saidByDriver(error: unknown): string | undefined {
  if (!(error instanceof Error) || "severity" in error) return undefined;
  return DRIVER_FAULTS.find(([said]) => said.test(error.message))?.[1](error.message);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
