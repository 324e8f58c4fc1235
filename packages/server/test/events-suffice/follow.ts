import { Command, Push } from "@parley/protocol";
import type { Person, TestServer } from "../harness.ts";
import type { LiveClient, SeenFrame } from "../live-client.ts";
import type { ClientState } from "./client-state.ts";
import type { WatchedStore } from "./watched-store.ts";

/** Frames that do not arrive: what breaks without them shows what they are for. */
export type Withheld = (frame: SeenFrame) => boolean;

export interface Following {
  readonly store: WatchedStore;
  /** The cursor to which the store's state belongs. */
  readonly asOf: string;
  readonly withheld: Withheld;
}

/** Few events in a reply, so that rooms are read in the middle and later events come on top. */
const LIMIT = 2;

/** A client on a WebSocket: its store gets each frame as it comes. */
export class LiveFollower {
  readonly #client: LiveClient;
  readonly #end: Promise<ClientState | undefined>;

  private constructor(client: LiveClient, end: Promise<ClientState | undefined>) {
    this.#client = client;
    this.#end = end;
    // It is checked when the case is over.
    end.catch(() => undefined);
  }

  /** Resolves when it is live. */
  static async start(server: TestServer, person: Person, following: Following): Promise<LiveFollower> {
    const client = await server.connect({ token: person.token, path: "/ws?resume=1" });
    client.send({ type: Command.RESUME, data: { cursor: following.asOf } });
    await client.frame(Push.CURSOR, ({ data }) => data.live === true);
    const first = client.frames.findIndex(({ type, data }) => type === Push.CURSOR && data.live === true);
    return new LiveFollower(client, run(client, following, first));
  }

  /** The state when everything that was done before has arrived, including the frame `late`, which no reply waits for. */
  async finish(late?: (frame: SeenFrame) => boolean): Promise<ClientState | undefined> {
    const client = this.#client;
    if (late) await client.until(() => client.closed || client.frames.some(late), "the late frame");
    client.send({ type: Command.TYPING, data: { roomId: Number.MAX_SAFE_INTEGER } });
    const end = await this.#end;
    client.close();
    return end;
  }
}

async function run(
  client: LiveClient,
  { store, withheld }: Following,
  first: number,
): Promise<ClientState | undefined> {
  for (let next = first; ; next++) {
    await client.until(() => client.frames.length > next || client.closed, "a frame", 30_000);
    const frame = client.frames[next];
    // This is the answer to the last request.
    if (!frame || frame.type === Push.ERROR) return store.state();
    if (!withheld(frame)) await store.take(frame);
  }
}

/** A client that was away and polls. Names are not logged, so it reads those that it shows. */
export async function followByPolling(
  { api }: Person,
  { store, asOf, withheld }: Following,
): Promise<ClientState | undefined> {
  type Reply = { events: SeenFrame[]; cursor: string; more: boolean };
  for (let cursor = asOf, more = true; more; ) {
    const reply = await api.call<Reply>("POST", "/events", { cursor, limit: LIMIT });
    if (reply.status === 401) {
      store.signedOut();
      break;
    }
    for (const frame of reply.body.events) if (!withheld(frame)) await store.take(frame);
    ({ cursor, more } = reply.body);
  }
  await store.state();
  store.cameBack();
  return store.state();
}
