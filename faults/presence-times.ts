/** People who are cut off, or stop to poll, have gone within a moment: so whole departures happen in a run of a minute. */
export const GRACE_MS = 400;
/** After a poll; the grace comes on top. */
export const POLL_ONLINE_MS = 1_500;
