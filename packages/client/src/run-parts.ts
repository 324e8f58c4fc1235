import type { Climb } from "./climb.ts";
import type { KeptCursor } from "./cursors.ts";
import type { Delivery } from "./delivery.ts";
import type { Cause, ClientState, Resync, StopWhy } from "./events.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { Http } from "./http.ts";
import type { Ladder } from "./ladder.ts";
import type { Reload, Reloaded, ReloadRequest } from "./reload.ts";
import type { Surroundings } from "./surroundings.ts";
import type { Tabs } from "./tabs.ts";
import type { Timing } from "./timing.ts";
import type { Transport } from "./transports/transport.ts";

/** What every run of a client works with. */
export interface RunParts {
  readonly http: Http;
  readonly ladder: Ladder;
  /** Gets what is behind, and with it a short cursor, then ends. */
  readonly trade: Transport;
  readonly cursor: KeptCursor;
  readonly delivery: Delivery;
  readonly heartbeat: Heartbeat;
  readonly surroundings: Surroundings;
  readonly timing: Timing;
  readonly max: number | undefined;
  /** @throws ParleyError when no token can be had */
  readonly token: () => Promise<string>;
  readonly reload: Reload;
  /** Undefined: this client has a connection of its own. */
  readonly tabs: Tabs | undefined;
  readonly onResync: (resync: Resync) => void;
  readonly onReloaded: (what: ReloadRequest, reloaded: Reloaded) => void;
}

/** What a run does to its session. */
export interface RunOwner {
  readonly climb: Climb;
  set(state: ClientState): void;
  stop(why: StopWhy, error?: Cause): void;
}
