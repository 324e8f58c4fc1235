import { CompiledQuery } from "kysely";
import type { PostgresConnection } from "./connection.ts";
import { BEGIN, CLOCK, LOCK, LOCK_MS } from "./lock.ts";
import type { PostgresPlace } from "./place.ts";
import { openSession } from "./session.ts";

/** Whether a node's bus works: 0: it does not; 1: it does; 2: it does, and the node has only PostgreSQL's notifications. */
export type HearsBus = 0 | 1 | 2;

/** What a node's lease says about the node. */
export interface LeaseRow {
  readonly node: string;
  readonly number: number;
  readonly announced: number;
  readonly peopleVersion: number;
  readonly hearsBus: HearsBus;
  readonly renewedAt: number;
  /** The lease was not renewed for `LAPSED_MS`, or not since the clock was set back by more than that. */
  readonly isLapsed: 0 | 1;
}

/** What a node says about itself. */
export interface LeaseNews {
  readonly announced: number;
  readonly peopleVersion: number;
  readonly hearsBus: HearsBus;
}

/** Another node may end a lease that was not renewed for this long. */
export const LAPSED_MS = 10_000;

const READ = `select node, number, announced, people_version as "peopleVersion", hears_bus as "hearsBus", renewed_at as "renewedAt",
 abs(renewed_at - ${CLOCK}) > ${LAPSED_MS} as "isLapsed"
 from nodes order by number`;

/**
 * The leases in the database, one row for each node that is alive, on a separate connection. A node is dead exactly when its row is gone. All
 * times are the database's, so no node depends on its own clock.
 *
 * Every method throws what PostgreSQL says, or ConnectionLost; the next call opens another connection.
 */
export class LeaseRows {
  readonly #place: PostgresPlace;
  readonly #node: string;
  #connection: PostgresConnection | undefined;

  constructor(place: PostgresPlace, node: string) {
    this.#place = place;
    this.#node = node;
  }

  /**
   * Takes a lease. It takes the log's lock first, so that numbers are in the order of commits: a later node never has a lower number than one
   * that exists.
   */
  async take({ announced, peopleVersion, hearsBus }: LeaseNews): Promise<void> {
    const connection = await this.#connected();
    const sent = [...BEGIN.map((text) => connection.run(text)), connection.run(LOCK, LOCK_MS)];
    const insert = `insert into nodes (node, number, renewed_at, announced, people_version, hears_bus)
      select $1, coalesce(max(number), 0) + 1, ${CLOCK}, $2, $3, $4 from nodes`;
    sent.push(connection.executeQuery(CompiledQuery.raw(insert, [this.#node, announced, peopleVersion, hearsBus])));
    try {
      await Promise.all(sent);
      await connection.commit();
    } catch (error) {
      // Its state is unknown.
      connection.abandon(error);
      throw error;
    }
  }

  /** Renews this node's lease and reads all of them, in one round trip. @returns undefined when this node's own is gone: others have declared it dead */
  async renew({ announced, peopleVersion, hearsBus }: LeaseNews): Promise<LeaseRow[] | undefined> {
    const connection = await this.#connected();
    const update = `update nodes set renewed_at = ${CLOCK}, announced = $2, people_version = $3, hears_bus = $4 where node = $1`;
    const [{ numAffectedRows }, { rows }] = await Promise.all([
      connection.executeQuery(CompiledQuery.raw(update, [this.#node, announced, peopleVersion, hearsBus])),
      connection.run<LeaseRow>(READ),
    ]);
    return numAffectedRows === 0n ? undefined : rows;
  }

  /** Ends these leases, unless they were renewed meanwhile: from then on their nodes are dead. @returns what is left */
  async end(lapsed: readonly LeaseRow[]): Promise<LeaseRow[]> {
    const connection = await this.#connected();
    const sent = lapsed.map(({ node, renewedAt }) =>
      connection.executeQuery(
        CompiledQuery.raw("delete from nodes where node = $1 and renewed_at = $2", [node, renewedAt]),
      ),
    );
    const read = connection.run<LeaseRow>(READ);
    await Promise.all(sent);
    return (await read).rows;
  }

  /** Gives a lease back: this node's, or that of another one that is known to have ended. */
  async giveBack(node = this.#node): Promise<void> {
    const connection = await this.#connected();
    await connection.executeQuery(CompiledQuery.raw("delete from nodes where node = $1", [node]));
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  async #connected(): Promise<PostgresConnection> {
    if (!this.#connection || this.#connection.isLost) this.#connection = await openSession(this.#place.url, "write");
    return this.#connection;
  }
}
