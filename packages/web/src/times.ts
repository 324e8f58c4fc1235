const DAY_MS = 86_400_000;

/** As this browser's language writes a time, with or without a zero before the hour. */
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayAndYear = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });

const shortDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** As short as lists need it. */
export const shortDayOf = (at: number): string => shortDay.format(at);
export const timeOf = (at: number): string => clock.format(at);
export const fullTimeOf = (at: number): string => full.format(at);

/** "Today", "Yesterday", or the date as this browser's language writes it. */
export function dayOf(at: number, now: number): string {
  const days = Math.round((midnight(now) - midnight(at)) / DAY_MS);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? day.format(at) : dayAndYear.format(at);
}

/** Rounded, because a day on which the clock changes has 23 or 25 hours. */
function midnight(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}
