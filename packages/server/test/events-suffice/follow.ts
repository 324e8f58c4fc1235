import { Command, Push } from "@parley/protocol";
import type { ApiClient } from "../api-client.ts";
import type { Person, TestServer } from "../harness.ts";
import type { LiveClient, SeenFrame } from "../live-client.ts";
import { apply, type Fetched, wantedFor } from "./apply.ts";
import { type ClientState, fetchMessages, fetchPeople, fetchRoom } from "./client-state.ts";
import { fetchRequests } from "./contacts.ts";
import { shownPeople, withUser } from "./state-changes.ts";

export interface Known {
  readonly state: ClientState;
  /** The cursor that the state is as of. */
  readonly asOf: string;
}

/** Frames that do not arrive: what breaks without them is what they are for. */
export type Withheld = (frame: SeenFrame) => boolean;

/** Few events a reply, so that rooms are read in the middle and later events come on top. */
const LIMIT = 2;

/** Such frames are gathered for a second. */
const LATE_MS = 3000;

/** One frame, with what it wants read over HTTP. */
async function follow(api: ApiClient, state: ClientState, frame: SeenFrame): Promise<ClientState | undefined> {
  const { room, people, messages, requests } = wantedFor(state, frame);
  const fetched: Fetched = {
    room: room === undefined ? undefined : await fetchRoom(api, room),
    people: people === undefined ? [] : await fetchPeople(api, people),
    messages: messages === undefined ? [] : await fetchMessages(api, messages),
    requests: requests ? await fetchRequests(api) : undefined,
  };
  return apply(state, frame, fetched);
}

/** A client on a WebSocket: it applies each frame as it comes. */
export class LiveFollower {
  readonly #client: LiveClient;
  readonly #end: Promise<ClientState | undefined>;

  private constructor(client: LiveClient, end: Promise<ClientState | undefined>) {
    this.#client = client;
    this.#end = end;
    // Looked at when the case is over.
    end.catch(() => undefined);
  }

  /** Resolves when it is live. */
  static async start(
    server: TestServer,
    person: Person,
    { state, asOf, withheld }: Known & { withheld: Withheld },
  ): Promise<LiveFollower> {
    const client = await server.connect({ token: person.token, path: "/ws?resume=1" });
    client.send({ type: Command.RESUME, data: { cursor: asOf } });
    await client.frame(Push.CURSOR, ({ data }) => data.live === true);
    const first = client.frames.findIndex(({ type, data }) => type === Push.CURSOR && data.live === true);
    return new LiveFollower(client, run(client, person.api, { state, first, withheld }));
  }

  /** The state when everything that was done before has been heard; `late`: this frame, too, which no reply waits for. */
  async finish(late?: (frame: SeenFrame) => boolean): Promise<ClientState | undefined> {
    const client = this.#client;
    if (late) await client.until(() => client.closed || client.frames.some(late), "the late frame", LATE_MS);
    client.send({ type: Command.TYPING, data: { roomId: Number.MAX_SAFE_INTEGER } });
    const end = await this.#end;
    client.close();
    return end;
  }
}

async function run(
  client: LiveClient,
  api: ApiClient,
  { state, first, withheld }: { state: ClientState; first: number; withheld: Withheld },
): Promise<ClientState | undefined> {
  let now: ClientState | undefined = state;
  for (let next = first; now; next++) {
    await client.until(() => client.frames.length > next || client.closed, "a frame", 30_000);
    const frame = client.frames[next];
    // The answer to what was asked last of all.
    if (!frame || frame.type === Push.ERROR) return now;
    if (!withheld(frame)) now = await follow(api, now, frame);
  }
  return now;
}

/** A client that was away and polls. Names are not logged, so it reads those that it shows. */
export async function followByPolling(
  api: ApiClient,
  { state, asOf, withheld }: Known & { withheld: Withheld },
): Promise<ClientState | undefined> {
  type Reply = { events: SeenFrame[]; cursor: string; more: boolean };
  let now = state;
  for (let cursor = asOf, more = true; more; ) {
    const reply = await api.call<Reply>("POST", "/events", { cursor, limit: LIMIT });
    if (reply.status === 401) return undefined;
    for (const frame of reply.body.events) {
      const next = withheld(frame) ? now : await follow(api, now, frame);
      if (!next) return undefined;
      now = next;
    }
    ({ cursor, more } = reply.body);
  }
  return (await fetchPeople(api, shownPeople(now))).reduce(withUser, now);
}
