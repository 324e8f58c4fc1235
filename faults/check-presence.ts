import type { ServerLife } from "./check-starts.ts";
import type { Problems } from "./problems.ts";
import type { Span } from "./spans.ts";
import { SETTLED_MS, type Trouble, wasTroubled } from "./troubles.ts";

/** What one server said of who is online. Times are those of `monotonic-clock.ts`. */
export interface Sighting {
  readonly node: number;
  readonly askedAt: number;
  readonly answeredAt: number;
  readonly online: readonly number[];
}

export interface PresenceEvidence {
  readonly sightings: readonly Sighting[];
  /** By uid: when they were connected to which server. */
  readonly spans: ReadonlyMap<number, readonly Span[]>;
  readonly lives: readonly ServerLife[];
  readonly troubles: readonly Trouble[];
}

export const OFFLINE_THOUGH_CONNECTED = "offline, though connected";
export const ONLINE_AFTER_DEATH = "online, though their server died";
export const ONLINE_AFTER_END = "online, though they have gone";

/** Nobody is online for longer after the end of all their connections, however it came. */
const GONE_MS = 60_000;
/** The same if the last server that they were connected to has died: its lease, the next look at it, and the second in which changes are gathered. */
const DEAD_MS = 14_000;
/** Every server that lives has noticed the end of a connection by then, also if it stood still for long meanwhile. */
const NOTICED_MS = 30_000;
/** After an outage of the database a server declares no other dead until it has renewed its own lease for so long. */
const JUDGES_AFTER_MS = 15_000;
/** From then on to its next look at the leases. */
const JUDGED_WITHIN_MS = 4_000;
/** A connection that breaks so close to a server's death was ended by it. */
const BROKE_WITH_MS = 1_000;
/** A server that stands still for less is not dead; the others go on to count its people. */
const ALIVE_MS = 8_000;
/** So long after the bus of a server has gone, notifications stand in for it at the latest (BUS-11). */
const STOOD_IN_MS = 10_000;

/** How often somebody had to be online, had to be offline because of a death, and because all their connections had ended long ago. */
export interface Presences {
  connected: number;
  dead: number;
  gone: number;
}

/** Holds what the servers say of who is online against the connections that there were. What nothing follows from is left out. */
export function checkPresence(evidence: PresenceEvidence, problems: Problems): Presences {
  const { sightings, spans, troubles } = evidence;
  const judged: Presences = { connected: 0, dead: 0, gone: 0 };
  for (const sighting of sightings) {
    const { node, askedAt, answeredAt } = sighting;
    if (wasTroubled(troubles.filter(disables), node, { from: askedAt, to: answeredAt })) continue;
    const online = new Set(sighting.online);
    for (const [uid, own] of spans) {
      const due = hasToBe(own, sighting, evidence);
      if (!due) continue;
      judged[due.since] += 1;
      if (online.has(uid) === (due.since === "connected")) continue;
      problems.add(KINDS[due.since], `${uid} by server ${node} at ${Math.round(askedAt)}: ${due.why}`);
    }
  }
  return judged;
}

const KINDS: Readonly<Record<keyof Presences, string>> = {
  connected: OFFLINE_THOUGH_CONNECTED,
  dead: ONLINE_AFTER_DEATH,
  gone: ONLINE_AFTER_END,
};

interface Due {
  readonly since: keyof Presences;
  readonly why: string;
}

function hasToBe(own: readonly Span[], sighting: Sighting, evidence: PresenceEvidence): Due | undefined {
  const { askedAt, answeredAt } = sighting;
  const connected = connectedBy(own, sighting, evidence.troubles);
  if (connected) {
    const ms = Math.round(askedAt - connected.from);
    return { since: "connected", why: `connected to server ${connected.node} for ${ms} ms` };
  }
  const before = own.filter(({ from }) => from <= answeredAt);
  const last = Math.max(Number.NEGATIVE_INFINITY, ...before.map(({ to }) => to));
  const why = `the last connection ended ${Math.round(askedAt - last)} ms before`;
  if (last < askedAt - GONE_MS) return { since: "gone", why };
  if (last > askedAt - DEAD_MS) return undefined;
  // Other ends may be noticed later, such as that of a client that has lost its network.
  const recent = before.filter(({ to }) => to >= askedAt - NOTICED_MS);
  const isDead =
    recent.length > 0 && recent.every((span) => diedWith(span, evidence.lives)) && isJudged(sighting, evidence);
  return isDead ? { since: "dead", why } : undefined;
}

/** A connection that all servers must have heard of. */
function connectedBy(own: readonly Span[], sighting: Sighting, troubles: readonly Trouble[]): Span | undefined {
  const { askedAt, answeredAt } = sighting;
  const mute = troubles.flatMap((one) => (disables(one) ? [{ ...one, from: one.from + mutesAfter(one) }] : []));
  const lasting = own.filter(({ isProven, from, to }) => isProven && from <= askedAt - SETTLED_MS && to > answeredAt);
  return lasting.find(
    (span) =>
      !wasTroubled(
        mute.filter((one) => one.from < one.to),
        span.node,
        { from: askedAt, to: answeredAt },
      ) && wasHeardOf(span, sighting, troubles),
  );
}

/**
 * Without a bus, and until another one stands in for it, a server tells the others nothing new, and hears nothing new; one that stands still tells nothing either. What was known
 * before goes on to count, unless one of the two has begun anew since.
 */
function wasHeardOf(span: Span, { node, askedAt, answeredAt }: Sighting, troubles: readonly Trouble[]): boolean {
  if (span.node === node) return true;
  const both = [span.node, node];
  const window = { from: askedAt, to: answeredAt };
  const deaf = troubles.filter(({ kind, from }) => kind === "no bus" && askedAt - from < STOOD_IN_MS);
  const mute = troubles.filter((one) => one.kind === "stopped" && one.node === span.node);
  const during = [...mute, ...deaf].filter((one) => both.some((server) => wasTroubled([one], server, window)));
  const since = during.map(({ from }) => from);
  return since.every(
    (from) =>
      span.from <= from - SETTLED_MS &&
      !both.some((server) => wasTroubled(troubles.filter(beginsAnew), server, { from, to: answeredAt })),
  );
}

/** What a server that stands still was told of its people counts until it is declared dead. */
function mutesAfter({ kind }: Trouble): number {
  return kind === "stopped" ? ALIVE_MS : 0;
}

function diedWith({ node, to }: Span, lives: readonly ServerLife[]): boolean {
  return lives.some((life) => life.node === node && Math.abs(life.to - to) <= BROKE_WITH_MS);
}

/** Whether some server was able to declare another dead by then, and this one to hear of it. */
function isJudged({ node, askedAt }: Sighting, { troubles, lives }: PresenceEvidence): boolean {
  const since = askedAt - JUDGES_AFTER_MS - JUDGED_WITHIN_MS;
  const isAble = (server: number) =>
    lives.some((life) => life.node === server && life.from <= since && life.to > askedAt) &&
    !troubles.some((one) => one.node === server && one.kind !== "no bus" && one.from <= askedAt && one.to >= since);
  // It is itself one that can.
  return isAble(node);
}

function beginsAnew({ kind }: Trouble): boolean {
  return kind === "down" || kind === "no database";
}

/** Keeps a server from telling of its people, or from hearing of others'. Nothing else is an excuse. */
function disables({ kind }: Trouble): boolean {
  return kind === "down" || kind === "no database" || kind === "stopped";
}
