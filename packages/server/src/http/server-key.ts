import type { ServerScope } from "@parley/protocol";

/** A key of the product's own backend. */
export interface ServerKey {
  readonly id: number;
  /** Its name in log lines and metrics. */
  readonly name: string;
  readonly scopes: ReadonlySet<ServerScope>;
  /** Requests a second; null: the usual number. */
  readonly rate: number | null;
  /** People and rooms a second that notifications and events go to; null: the usual number. */
  readonly recipientsRate: number | null;
  /** Notifications and events a second that go to everybody; null: the usual number. */
  readonly allRate: number | null;
}

/** Finds the key of a secret; undefined for one that is unknown, expired or revoked. Called once for each request to the door. */
export type FindServerKey = (secret: string) => Promise<ServerKey | undefined>;

/** The path for the product's backend, and nobody else. */
export const SERVER_DOOR = "/api/v1/server/";
