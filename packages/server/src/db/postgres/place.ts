/** A PostgreSQL database. */
export interface PostgresPlace {
  /** With the password. */
  readonly url: string;
  /** See `PG_FAILOVER`; absent: false. */
  readonly isLossless?: boolean | undefined;
  /** The node that writes, which it may do only while its lease exists. Absent for a command, which has no lease. */
  readonly node?: string | undefined;
}
