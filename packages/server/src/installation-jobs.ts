/**
 * What runs once for an installation, however many processes serve connections: retention, the end of bans, the removal of what has
 * expired, the database's journal, webhooks, and the numbers for the charts.
 */
import type { Sampler } from "./admin/sampler.ts";
import { endOverdueBans } from "./bans/ban-actions.ts";
import type { Config } from "./config/config.ts";
import type { Context } from "./context.ts";
import { unlessPassing } from "./db/storage-fault.ts";
import { removeOldCounts } from "./db/stored-counts.ts";
import { forgetOldRequesters } from "./identity/login-actions.ts";
import { removeExpiredQrCodes } from "./identity/qr-actions.ts";
import type { Clock } from "./lib/clock.ts";
import { every } from "./lib/interval.ts";
import { removeExpiredNotifications } from "./notifications/notification-actions.ts";
import type { Logger } from "./ops/logger.ts";
import { Retention } from "./retention/retention.ts";
import { forgetOldEvents } from "./server-api/event-actions.ts";
import type { Storage } from "./storage.ts";
import type { Webhooks } from "./webhooks/webhooks.ts";

/** How often it is looked for bans whose time is over. */
const BANS_MS = 500;
const UPKEEP_MS = 10_000;
/** How long what was taken back may stay in the journal, where nobody reads what was before all the while. */
const JOURNAL_MS = 60_000;
/** Writes that remove what has expired, each time: together they remove more in that time than can be made in it. */
const REMOVALS = 1000;

export interface JobsParts {
  readonly config: Pick<Config, "retention">;
  readonly storage: Storage;
  readonly context: Context;
  readonly webhooks: Webhooks;
  readonly sampler: Pick<Sampler, "sample">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How far everybody who serves has announced the log: nothing after that is removed. */
  readonly announced: { readonly position: number };
  /** Takes what ends a job; called last to first, also where the start fails. */
  readonly onStop: (stop: () => unknown) => void;
}

/** @returns how many events retention has counted */
export async function startInstallationJobs(parts: JobsParts): Promise<Pick<Retention, "counted">> {
  const { storage, context, webhooks, logger, onStop } = parts;
  const { db, writes } = storage;
  const failed = (what: string) => unlessPassing((error) => logger.error({ err: error }, what));
  const repeat = (ms: number, task: () => Promise<void>) => {
    onStop(every(ms, () => void task().catch(failed("upkeep failed"))));
  };
  const looked = { after: 0 };
  // Once more before the end, when nobody should wait for long.
  onStop(() => removeExpired(context, looked, { atMost: 1 }));
  // Those whose time was over while no server ran end before anybody is let in.
  await endOverdueBans(context);
  storage.listen((event) => webhooks.onEvent(event));
  context.presence.watch((change) => webhooks.onPresence(change));
  // The last step that may fail: webhooks that have ended do not begin again, and the start may be tried again.
  onStop(await webhooks.start());
  const heldAfter = () => webhooks.heldAfter;
  const { retention: limits } = parts.config;
  const retention = new Retention({ db, writes, clock: parts.clock, announcer: parts.announced, heldAfter, limits });
  storage.listen((event) => retention.onEvent(event));
  onStop(retention.start(failed("old events could not be removed")));
  repeat(JOURNAL_MS, async () => void (await writes.truncateJournal()));
  repeat(BANS_MS, () => endOverdueBans(context));
  repeat(UPKEEP_MS, () => removeExpired(context, looked, { atMost: REMOVALS }));
  onStop(
    context.series.start(
      () => parts.sampler.sample(),
      (error) => logger.error({ err: error }, "the numbers for the charts could not be measured"),
    ),
  );
  return retention;
}

/** @param looked how far upkeep has looked through the events of the product's own */
async function removeExpired(context: Context, looked: { after: number }, removal: { atMost: number }): Promise<void> {
  await context.logins.sweep(removal);
  await removeExpiredQrCodes(context, removal);
  await forgetOldRequesters(context, removal);
  await removeExpiredNotifications(context, removal);
  await forgetOldCounts(context, removal);
  await forgetOldEvents(context, looked, removal);
}

/** Waits for a clock that is not ahead, as all that is removed by age does: counts that are gone too early let too much pass. */
async function forgetOldCounts({ writes, isClockSettled }: Context, { atMost }: { atMost: number }): Promise<void> {
  if (!isClockSettled()) return;
  for (let count = 0; count < atMost; count++) if (!(await writes.run(removeOldCounts, undefined))) return;
}
