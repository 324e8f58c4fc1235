import type { Http } from "../api/http.ts";
import type { Cause } from "../api/parley-error.ts";
import type { Surroundings } from "../lib/surroundings.ts";
import type { Timing } from "../lib/timing.ts";
import type { Delivery } from "../reading/delivery.ts";
import type { Resync } from "../reading/events.ts";
import type { KeptCursor } from "../reading/kept-cursor.ts";
import type { Reload, Reloaded, ReloadRequest } from "../reading/reload.ts";
import type { ClientState, StopWhy } from "./client-state.ts";
import type { Climb } from "./climb.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { Ladder } from "./ladder.ts";
import type { Tabs } from "./tabs.ts";
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
