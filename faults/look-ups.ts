import type { MissedMessage, Shown } from "./check-history.ts";
import type { Counters } from "./log-dots.ts";
import type { Person, Requests } from "./people.ts";

interface HistoryPage {
  readonly items: readonly { readonly message: { readonly id: number } }[];
  readonly nextCursor: string | null;
}

/** Looks over HTTP for the messages that one person missed: in the history of their rooms, and one by one for those not found there. */
export async function lookUp(requests: Requests, person: Person, missed: readonly MissedMessage[]): Promise<Shown> {
  const history: Record<string, number[]> = {};
  const statuses: Record<string, number> = {};
  for (const [stream, messages] of Map.groupBy(missed, (one) => one.stream)) {
    const ids = messages.map(({ id }) => id);
    const read = await historyOf(requests, person, { room: stream.slice("room:".length), from: Math.min(...ids) });
    history[stream] = read;
    const shown = new Set(read);
    for (const id of ids) {
      if (shown.has(id)) continue;
      const { status } = await requests.ask(person, "GET", `/messages/${id}`);
      statuses[id] = status;
    }
  }
  return { history, statuses };
}

/** Reads backwards from the newest message; a message's id is its place in the log. @param from how far back */
async function historyOf(
  requests: Requests,
  person: Person,
  { room, from }: { room: string; from: number },
): Promise<number[]> {
  const ids: number[] = [];
  for (let next: string | null = ""; next !== null; ) {
    const query: string = next === "" ? "" : `&cursor=${encodeURIComponent(next)}`;
    const { body } = await requests.ask(person, "GET", `/rooms/${room}/messages?limit=100${query}`);
    const { items = [], nextCursor = null } = body as Partial<HistoryPage>;
    ids.push(...items.map(({ message }) => message.id));
    next = (items[0]?.message.id ?? 0) > from ? nextCursor : null;
  }
  return ids;
}

/** The dots that the person has to have by what HTTP says. */
export async function countersOf(requests: Requests, person: Person): Promise<Counters> {
  const { body: notices } = await requests.ask(person, "GET", "/notifications?limit=1");
  const { body: dots } = await requests.ask(person, "GET", "/unread");
  const { unseen, unread } = notices as { unseen: number; unread: number };
  // Both replies say it, so both have to be right.
  const isSame = dots.notifications === unseen;
  return { unseen: isSame ? unseen : -1, unreadNotifications: unread, friendRequests: Number(dots.friendRequests) };
}
