import { SHOWN_BANNED, TOLD_BANNED } from "./check-bans.ts";
import { WRONG_DOT } from "./log-dots.ts";
import { WRONG_COUNT } from "./log-marks.ts";
import type { Outcome } from "./run.ts";

/** What a run reports about marks, contacts, bans, notifications and the product's custom events, and which of these did not happen. */
export function featuresReport({ features, hook, verdict, app, wire }: Outcome): {
  failures: string[];
  figures: Record<string, number | string>;
} {
  const { marks, contacts, bans, guestBans, notices, customs } = features;
  const { problems } = verdict;
  const told = app.clients.reduce((sum, log) => sum + log.bans, 0);
  const closed = wire.clients.reduce((sum, { closes }) => sum + (closes[4003] ?? 0), 0);
  const happened: Record<string, number> = {
    ...{ "marks were set": marks.done, "friend requests were made": contacts.requests },
    ...{
      "friendships began": contacts.friendships,
      "people were banned": bans,
      "people who write were banned": guestBans,
      "clients were told of a ban": told,
    },
    ...{ "notifications were sent": notices.sent, "notifications were changed": notices.changed },
    ...{ "notifications were seen or read": notices.marked, "events went to people": customs.people },
    ...{ "events went to rooms": customs.rooms, "events went to everybody": customs.all },
    ...{
      "events were told to a webhook": hook.accepted,
      "request of a webhook was tried again": hook.tries - hook.due,
    },
  };
  return {
    failures: Object.entries(happened).flatMap(([what, count]) => (count === 0 ? [`no ${what}`] : [])),
    figures: {
      "marks set or taken away, refused": `${marks.done}, ${marks.refused}`,
      "friend requests, friendships, refused": `${contacts.requests}, ${contacts.friendships}, ${contacts.refused}`,
      "bans of readers, of writers; told to clients, closed with 4003": `${bans}, ${guestBans}; ${told}, ${closed}`,
      "notifications sent, changed, seen or read": `${notices.sent}, ${notices.changed}, ${notices.marked}`,
      "own events to people, rooms, everybody": `${customs.people}, ${customs.rooms}, ${customs.all}`,
      "webhook: due, accepted, tries; cut, killed": `${hook.due}, ${hook.accepted}, ${hook.tries}; ${hook.cuts}, ${hook.deaths}`,
      "told though banned, shown though hidden, wrong counts of marks, of dots": [
        TOLD_BANNED,
        SHOWN_BANNED,
        WRONG_COUNT,
        WRONG_DOT,
      ]
        .map((kind) => problems.count(kind))
        .join(", "),
    },
  };
}
