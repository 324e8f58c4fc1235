/** SQLite did not open a file: whatever it says, the file is what is wrong. */
export class NotOpened extends Error {
  override readonly name = "NotOpened";
}

/** What is wrong with the file, by the first two words of SQLite's code. Other codes are about what was asked of it. */
const FILE_FAULTS: Readonly<Record<string, string>> = {
  SQLITE_NOTADB: "is not a database; DATA_DIR says where to look",
  SQLITE_CORRUPT: "is damaged; restore a backup",
  SQLITE_FULL: "cannot grow, since its disk is full",
  SQLITE_IOERR: "cannot be read or written, says the disk",
  SQLITE_READONLY: "cannot be written to by this user",
  SQLITE_CANTOPEN: "cannot be opened; it has to be a file that this user may read and write",
  SQLITE_PERM: "cannot be opened by this user",
  SQLITE_BUSY: "is locked by another program",
};

/** Nothing that waiting helps against. */
const LASTING: ReadonlySet<string> = new Set(["SQLITE_NOTADB", "SQLITE_CORRUPT"]);

/** What is wrong with the file of a database, to be said after its name; undefined for an error that is not about the file. */
export function fileFault(error: unknown): string | undefined {
  const cause = error instanceof NotOpened ? error.cause : error;
  const fault = FILE_FAULTS[kindOf(cause)];
  if (fault === undefined && cause === error) return undefined;
  return `${fault ?? "is not a database that this version can read"} (SQLite: ${cause instanceof Error ? cause.message : cause}).`;
}

/** The same for a fault of a database that was in use already, where it may pass by itself or by what an operator does meanwhile. */
export function passingFault(error: unknown): string | undefined {
  return LASTING.has(kindOf(error)) ? undefined : fileFault(error);
}

/** The kind of what SQLite says. That the file beside the database which its connections share cannot grow has a code of its own. */
function kindOf(error: unknown): string {
  const code = codeOf(error);
  return code === "SQLITE_IOERR_SHMSIZE" ? "SQLITE_FULL" : code.split("_", 2).join("_");
}

export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
