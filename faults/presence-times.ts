/** People who are cut off, or stop polling, count as gone within a moment, so that whole departures happen in a run of a minute. */
export const GRACE_MS = 400;
/** The time after a poll; the grace comes on top. */
export const POLL_ONLINE_MS = 1_500;
