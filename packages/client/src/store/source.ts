import type { ArgsOf, Reply, Route } from "../api/routes.ts";
import type { ClientState } from "../connection/client-state.ts";
import type { AnyPush } from "../reading/events.ts";
import type { PresentState } from "../reading/presence.ts";
import type { Reloaded, ReloadedState } from "../reading/reload.ts";

interface SourceEvents {
  event: AnyPush;
  state: ClientState;
  "state-reloaded": ReloadedState | Reloaded;
  presence: { readonly uids: readonly number[] };
}

/** What the store needs of a client. */
export interface StoreSource {
  readonly state: ClientState;
  readonly cursor: string | undefined;
  readonly presence: { of(uid: number): PresentState | undefined; readonly onlineNum: number | undefined };
  on<N extends keyof SourceEvents>(name: N, handler: (data: SourceEvents[N]) => unknown): () => void;
  request<R extends Route>(route: R, ...args: ArgsOf<R>): Promise<Reply<R>>;
}
