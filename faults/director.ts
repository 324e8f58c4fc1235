import { Chaos, type Incident } from "./chaos.ts";
import type { Child } from "./child.ts";
import type { Churn } from "./churn.ts";
import type { ClientsCall } from "./clients.ts";
import type { Installation } from "./installation.ts";
import type { Book } from "./ledger.ts";
import type { Lull } from "./lull.ts";
import { LEAST_OF_ASKED } from "./options.ts";
import type { ProxyCall } from "./proxy.ts";
import type { Random } from "./random.ts";
import type { Senders } from "./senders.ts";
import { FLOOD_READERS, type Room, type World } from "./world.ts";

export interface DirectorParts {
  readonly random: Random;
  readonly world: World;
  readonly server: Pick<Installation, "jumpTo">;
  readonly senders: Senders;
  readonly churn: Churn;
  readonly proxy: Child<ProxyCall>;
  readonly clients: Child<ClientsCall>;
  readonly lull: Lull;
  readonly book: Pick<Book, "newest">;
  /** How many events the log is to have in the end. */
  readonly events: number;
  /** How many connections are to be cut in all. */
  readonly disconnects: number;
  /** The least that it lasts. On a busy machine people write less, and clients are back later, so that it takes longer to log and to cut enough. */
  readonly seconds: number;
}

/** The plan does not say when things happen, so the pace can adapt until as many connections are cut as were asked for. */
const LOOK_MS = 1_000;
const MOST_PER_SECOND = 80;
/** After so many times the seconds it ends in any case. */
const LONGEST = 5;
/** Beyond the seconds, what is left is cut within that time. */
const PACE_MS = 5_000;
const SLOW_EVERY_MS = 15_000;
const CLOCK_EVERY_MS = 7_000;
/** The number of large messages in a flood: more than the kernel's buffers and the server's queue for one connection hold. */
const FLOOD_MESSAGES = 300;
const DEPART_EVERY_MS = 180;
const LULL_EVERY_MS = 40_000;
/** Long enough to look at presence twice. */
const LULL_MS = 14_500;

/** Carries out the plan's incidents for as long as the run lasts, and until enough events are in the log and enough connections have been cut. */
export class Director {
  readonly #parts: DirectorParts;
  readonly #chaos: Chaos;
  readonly #begun: Promise<void>[] = [];
  readonly #begunAt = performance.now();

  constructor(parts: DirectorParts) {
    this.#parts = parts;
    this.#chaos = new Chaos(parts.random, parts.world.readers.length);
  }

  async run(): Promise<void> {
    const { proxy, book, events, disconnects, seconds } = this.#parts;
    let perSecond = disconnects / seconds;
    let [lookAt, slowAt, clockAt] = [LOOK_MS, SLOW_EVERY_MS / 3, CLOCK_EVERY_MS / 2];
    let departAt = 0;
    let isEnough = false;
    let lullAt = LULL_EVERY_MS / 2;
    for (;;) {
      const now = performance.now() - this.#begunAt;
      if (now >= seconds * 1000 * (isEnough ? 1 : LONGEST)) break;
      if (now >= lookAt) {
        const cuts = await proxy.ask<number>({ ask: "cuts" });
        isEnough = cuts >= disconnects * LEAST_OF_ASKED && book.newest >= events * LEAST_OF_ASKED;
        const left = Math.max(0, disconnects - cuts);
        // Not every incident is a cut, and not every cut finds a connection.
        perSecond = Math.min(
          MOST_PER_SECOND,
          Math.max(2, (1.7 * left * 1000) / Math.max(PACE_MS, seconds * 1000 - now)),
        );
        lookAt = now + LOOK_MS;
      }
      if (now >= lullAt) {
        for (const absence of this.#chaos.absent(LULL_MS + 500)) await this.#happen(absence);
        await this.#parts.lull.begin(LULL_MS);
        lullAt = now + LULL_MS + LULL_EVERY_MS;
        departAt = now + LULL_MS;
        continue;
      }
      for (; departAt <= now; departAt += DEPART_EVERY_MS) await this.#happen(this.#chaos.departure());
      if (now >= slowAt) {
        await this.#happen(this.#chaos.slowReader());
        slowAt = now + SLOW_EVERY_MS;
      }
      if (now >= clockAt) {
        await this.#happen(this.#chaos.clockJump());
        clockAt = now + CLOCK_EVERY_MS;
      }
      await this.#happen(this.#chaos.next());
      await Bun.sleep(1000 / perSecond);
    }
    await Promise.all(this.#begun);
  }

  /** Other answers are awaited only at the end: on a busy machine they take longer than the pause between two incidents. */
  async #happen(incident: Incident): Promise<void> {
    const { proxy, clients, server, senders, world } = this.#parts;
    switch (incident.kind) {
      case "link":
        this.#begun.push(proxy.ask({ ask: "fault", client: incident.client, fault: incident.fault }));
        return;
      case "slow": {
        const { client, ms } = incident;
        await proxy.ask({ ask: "fault", client, fault: { kind: "slow", ms } });
        const room = world.floodRooms[Math.floor(client / FLOOD_READERS)] as Room;
        this.#begun.push(senders.flood(room, FLOOD_MESSAGES));
        return;
      }
      case "switch":
        this.#begun.push(clients.ask({ ask: "switch", client: incident.client, transports: incident.transports }));
        return;
      case "away":
        this.#begun.push(clients.ask({ ask: "pause", client: incident.client, ms: incident.ms }));
        return;
      case "rejoin":
        return this.#rejoin(incident);
      case "clock":
        server.jumpTo(incident.offsetMs);
    }
  }

  /** This is not awaited: the people who change the rooms may be behind. */
  #rejoin({ client, ms, seesLeaving }: Incident & { readonly kind: "rejoin" }): void {
    const { clients, churn } = this.#parts;
    const pause = () => clients.ask<void>({ ask: "pause", client, ms });
    void churn.bringBack(client, {
      first: seesLeaving ? undefined : pause,
      between: seesLeaving ? pause : undefined,
    });
  }
}
