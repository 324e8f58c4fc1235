/**
 * The graph: the only place that knows every room. It builds storage, features, gateway and ports in the order in which
 * they need each other, and stops them in reverse. Constructors do no I/O; a test builds the same graph as production.
 */
import { Push } from "@parley/protocol";
import { Sampler } from "./admin/sampler.ts";
import { endOverdueBans } from "./bans/ban-actions.ts";
import type { Config } from "./config/config.ts";
import { type Context, createContext } from "./context.ts";
import { LogReader } from "./event-log/log-reader.ts";
import { featureRoutes } from "./feature-routes.ts";
import { createGateway, type Gateway } from "./gateway-graph.ts";
import { createApp } from "./http/app.ts";
import { trustedProxies } from "./http/client-ip.ts";
import { clientScript } from "./http/client-script.ts";
import { doctorRoute } from "./http/doctor-route.ts";
import { ForwarderWarnings } from "./http/forwarder-warning.ts";
import { OpenFiles } from "./http/open-files.ts";
import { originRules } from "./http/origin.ts";
import { OriginWarnings } from "./http/origin-warnings.ts";
import { webPages } from "./http/pages.ts";
import { Internal, type InternalData } from "./identity/internal-events.ts";
import { forgetOldRequesters } from "./identity/login-actions.ts";
import { removeExpiredQrCodes } from "./identity/qr-actions.ts";
import { registrationOf } from "./identity/registration.ts";
import { hasAccounts } from "./identity/users.ts";
import { type Clock, systemClock } from "./lib/clock.ts";
import { openFileLimit } from "./lib/file-limit.ts";
import { delay, every, type Stop } from "./lib/interval.ts";
import { addressOf, checkPorts, listen } from "./listener.ts";
import { removeExpiredNotifications } from "./notifications/notification-actions.ts";
import { Health } from "./ops/health.ts";
import { flushed, type Logger } from "./ops/logger.ts";
import { Metrics } from "./ops/metrics.ts";
import type { ProductTokens } from "./product-tokens/product-tokens.ts";
import { startProductTokens } from "./product-tokens/start-product-tokens.ts";
import { Retention } from "./retention/retention.ts";
import { PeopleChanges } from "./rooms/people-changes.ts";
import { memberCountOf } from "./rooms/small-rooms.ts";
import { forgetOldEvents } from "./server-api/event-actions.ts";
import { Feed } from "./server-api/feed.ts";
import { feedRoutes } from "./server-api/feed-routes.ts";
import { countersFor, serverGauges } from "./server-gauges.ts";
import { openStorage, type Storage, type WriterOverrides } from "./storage.ts";
import { StorageWatch } from "./storage-watch.ts";
import { TlsWatch, tlsNow } from "./tls-watch.ts";
import { DotRound } from "./unread/dot-round.ts";
import { UntoldJoins } from "./untold-joins.ts";
import { SendHook } from "./webhooks/send-hook.ts";
import { Webhooks } from "./webhooks/webhooks.ts";
import { webhooksRoutes } from "./webhooks/webhooks-routes.ts";

/** How often the log's end is looked at, for what other processes wrote (`parley user`, `parley key`): it holds within a second. */
const FOLLOW_MS = 500;
const UPKEEP_MS = 10_000;
/** How long what was taken back may stay in the journal, where nobody reads what was before all the while. */
const JOURNAL_MS = 60_000;
/** Writes that remove what has expired, each time: together they remove more in that time than can be made in it. */
const REMOVALS = 1000;

/** What tells the product's own backend. */
interface Telling {
  readonly reader: LogReader;
  readonly feed: Feed;
  readonly webhooks: Webhooks;
}

/** How long people count as online after their last connection and after their last poll; for tests that cannot wait so long. */
export interface PresenceTimes {
  readonly graceMs?: number;
  /** The grace comes on top. */
  readonly pollOnlineMs?: number;
}

export class Server {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #writer: WriterOverrides;
  readonly #presence: PresenceTimes;
  readonly #closesPerSecond: number | undefined;
  readonly #health = new Health();
  readonly #metrics = new Metrics();
  /** Undo what was started; called last to first. */
  readonly #stops: (() => unknown)[] = [];
  /** How far upkeep has looked through the events of the product's own. */
  readonly #lookedAtEvents = { after: 0 };
  readonly #onForeignOrigin: (origin: string) => void;
  #stopping: Promise<void> | undefined;
  #gateway: Gateway | undefined;
  #storage: Storage | undefined;
  #feed: Feed | undefined;

  /**
   * @param parts.clock another time, for both threads
   * @param parts.writer see `openStorage`
   * @param parts.closesPerSecond another pace of the drain. All but the logger are for tests.
   */
  constructor(
    config: Config,
    parts: {
      logger: Logger;
      clock?: Clock;
      writer?: Omit<WriterOverrides, "clock">;
      presence?: PresenceTimes;
      closesPerSecond?: number;
    },
  ) {
    this.#presence = parts.presence ?? {};
    this.#closesPerSecond = parts.closesPerSecond;
    this.#config = config;
    this.#logger = parts.logger;
    const origins = new OriginWarnings({ logger: parts.logger, allowedOrigins: config.listen.allowedOrigins });
    this.#onForeignOrigin = (origin) => origins.note(origin);
    this.#clock = parts.clock ?? systemClock;
    this.#writer = { ...parts.writer, ...(parts.clock && { clock: parts.clock }) };
  }

  /** The live connections of this process; undefined before the start. */
  get gateway(): Gateway | undefined {
    return this.#gateway;
  }

  /** Database and log; undefined before the start. */
  get storage(): Storage | undefined {
    return this.#storage;
  }

  /** What the product's backend reads; undefined before the start. */
  get feed(): Feed | undefined {
    return this.#feed;
  }

  /**
   * Resolves when requests are answered; `url` is where a browser on this machine finds the page, `isNew` that nobody has an account.
   * @throws DataDirLocked, DataDirUnusable, MigrationRefused, or what the system says of a port
   */
  async start(): Promise<{ url: string; isNew: boolean }> {
    try {
      return await this.#start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /**
   * Lets load balancers turn away, refuses new work, drains the connections, finishes what was accepted, closes. Every step
   * is tried; failures are thrown at the end. A second call waits for the first.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #start(): Promise<{ url: string; isNew: boolean }> {
    const config = this.#config;
    const clock = this.#clock;
    const storage = await openStorage({
      config,
      clock,
      logger: this.#logger,
      metrics: this.#metrics,
      writer: this.#writer,
      onWriterDeath: (error) => this.#die(error),
      beforeMaking: () => checkPorts(config.listen),
    });
    this.#storage = storage;
    this.#stops.push(() => storage.close());
    const { db, epoch, writes, announcer } = storage;
    const { dir: dataDir } = config.data;
    this.#stops.push(await new StorageWatch({ storage, health: this.#health, logger: this.#logger, dataDir }).start());
    const context = createContext({
      tokens: this.#startProductTokens(),
      sendHook: this.#createSendHook(),
      config,
      db,
      epoch,
      writes,
      clock,
      starts: storage.starts,
      graceMs: this.#presence.graceMs,
      ...countersFor(this.#metrics),
    });
    storage.listen((event) => context.logins.onEvent(event));
    storage.listen((event) => context.serverKeys.onEvent(event));
    storage.listen((event) => context.qrLogins.onEvent(event));
    const untold = new UntoldJoins();
    storage.listen((event) => {
      context.presence.onEvent(event, untold.see(event));
      if (event.type !== Internal.JOINS_TOLD) return;
      context.presence.readAgain((JSON.parse(event.data) as InternalData[-31]).uids);
    });
    storage.listen(({ type }) => {
      this.#metrics.eventsAppended.inc();
      if (type === Push.MESSAGE) this.#metrics.messages.inc();
    });
    await context.addressBans.load(db);
    const gateway = this.#createGateway(storage, context);
    storage.listen((event) => context.addressBans.onEvent(event));
    this.#gateway = gateway;
    this.#stops.push(() => this.#sweep(context, { atMost: 1 }));
    const peopleChanges = new PeopleChanges({
      db,
      publish: (stream, frame) => gateway.hub.publishFrame(stream, frame),
      onError: (error) => this.#logger.error({ err: error }, "a new name or picture could not be sent"),
    });
    storage.listen((event) => peopleChanges.onEvent(event));
    this.#stops.push(() => peopleChanges.stop());
    const dots = new DotRound({
      isHere: (uid) => gateway.hub.ofUser(uid).size > 0,
      redDotOf: (uid) => storage.starts.redDotOf(uid),
      whenAnnounced: (position) => announcer.whenAnnounced(position),
      publish: (stream, frame) => gateway.hub.publishFrame(stream, frame),
      onError: (error) => this.#logger.error({ err: error }, "counters could not be sent"),
    });
    storage.listen((event) => dots.onEvent(event));
    this.#stops.push(dots.start());
    const told = await this.#startTelling(storage, context);
    const heldAfter = () => told.webhooks.heldAfter;
    const retention = new Retention({ db, writes, clock, announcer, heldAfter, limits: config.retention });
    storage.listen((event) => retention.onEvent(event));
    this.#stops.push(retention.start((error) => this.#logger.error({ err: error }, "old events could not be removed")));
    this.#stops.push(this.#repeat(FOLLOW_MS, () => announcer.catchUpWithLog()));
    this.#stops.push(this.#repeat(JOURNAL_MS, async () => void (await writes.truncateJournal())));
    // Those whose time was over while no server ran end before anybody is let in.
    await endOverdueBans(context);
    this.#stops.push(this.#repeat(FOLLOW_MS, () => endOverdueBans(context)));
    this.#stops.push(this.#repeat(UPKEEP_MS, () => this.#sweep(context, { atMost: REMOVALS })));
    this.#stops.push(this.#metrics.start());
    const sampler = new Sampler({ ...context, metrics: this.#metrics });
    this.#stops.push(
      context.series.start(
        () => sampler.sample(),
        (error) => this.#logger.error({ err: error }, "the numbers for the charts could not be measured"),
      ),
    );
    this.#stops.push(gateway.start());
    const { reader, feed, webhooks } = told;
    const openFiles = new OpenFiles({ limit: openFileLimit(), logger: this.#logger });
    const { presence } = context;
    this.#metrics.watch(serverGauges({ config, storage, health: this.#health, presence, retention, openFiles }));
    const url = await this.#listen({ ...context, reader, feed, webhooks, openFiles }, gateway);
    this.#health.set("ready");
    return { url, isNew: !(await hasAccounts(db)) };
  }

  async #stop(): Promise<void> {
    this.#health.set("draining");
    const failures: unknown[] = [];
    for (const stop of this.#stops.splice(0).reverse()) {
      try {
        await stop();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 1) throw new AggregateError(failures, "several steps of the stop failed");
    if (failures.length > 0) throw failures[0];
  }

  /** Every 10 s, and once before the end, when nobody should wait for long: writes what waits, removes what expired. */
  async #sweep(context: Context, removal: { atMost: number }): Promise<void> {
    await context.logins.sweep(removal);
    await context.serverKeys.sweep();
    await removeExpiredQrCodes(context, removal);
    await forgetOldRequesters(context, removal);
    await removeExpiredNotifications(context, removal);
    await forgetOldEvents(context, this.#lookedAtEvents, removal);
  }

  #startProductTokens(): ProductTokens | undefined {
    const settings = this.#config.productTokens;
    if (!settings) return undefined;
    const parts = { clock: this.#clock, logger: this.#logger, metrics: this.#metrics };
    const { tokens, stop } = startProductTokens(settings, parts);
    this.#stops.push(stop);
    return tokens;
  }

  #createSendHook(): SendHook | undefined {
    const { sendHook: settings, secrets } = this.#config;
    if (!settings || secrets.sendHook === undefined) return undefined;
    const of = { clock: this.#clock, logger: this.#logger, metrics: this.#metrics };
    return new SendHook({ settings, secret: secrets.sendHook, ...of });
  }

  #createGateway(storage: Storage, context: Context): Gateway {
    const { db } = storage;
    return createGateway({
      config: this.#config,
      clock: this.#clock,
      logger: this.#logger,
      metrics: this.#metrics,
      storage,
      context,
      origins: originRules(this.#config.listen),
      onForeignOrigin: this.#onForeignOrigin,
      findLogin: (token) => context.logins.find(token),
      redDotOf: (uid) => storage.starts.redDotOf(uid),
      pollOnlineMs: this.#presence.pollOnlineMs,
      closesPerSecond: this.#closesPerSecond,
      memberCountOf: (roomId) => memberCountOf(db, roomId),
    });
  }

  /** What the product's own backend is told: the feed, which it reads, and webhooks, which are sent to it. */
  async #startTelling(storage: Storage, { presence }: Context): Promise<Telling> {
    const { db, announcer, writes } = storage;
    const reader = new LogReader(db);
    const feed = new Feed({ ...storage.outbox, db, reader });
    this.#feed = feed;
    const told = { ...storage.outbox, db, reader, announcer, writes, presence };
    const of = { clock: this.#clock, logger: this.#logger, metrics: this.#metrics };
    const webhooks = new Webhooks({ ...told, ...of });
    storage.listen((event) => feed.onEvent(event));
    storage.listen((event) => webhooks.onEvent(event));
    presence.watch((change) => webhooks.onPresence(change));
    this.#stops.push(await webhooks.start());
    return { reader, feed, webhooks };
  }

  async #listen(context: Context & Telling & { openFiles: OpenFiles }, gateway: Gateway): Promise<string> {
    const config = this.#config;
    const trusted = trustedProxies(config.listen.trustedProxies);
    const proxies = config.listen.trustedProxies;
    const forwarders = new ForwarderWarnings({ health: this.#health, logger: this.#logger, proxies });
    const { selfGate, openFiles } = context;
    this.#stops.push(() => selfGate.flush({ everything: true }));
    context.liveOnly.start((stream, frame) => gateway.hub.publishFrame(stream, frame));
    this.#stops.push(
      context.readRound.start({
        publish: (stream, frame) => gateway.hub.publishFrame(stream, frame),
        onError: (error) => this.#logger.error({ err: error }, "read places could not be sent to others"),
      }),
    );
    this.#stops.push(selfGate.start((error) => this.#logger.error({ err: error }, "read places could not be sent")));
    const app = createApp({
      config,
      logger: this.#logger,
      metrics: this.#metrics,
      health: this.#health,
      findLogin: (token) => context.logins.find(token),
      findServerKey: (secret) => context.serverKeys.find(secret),
      countBadToken: (ip) => gateway.countBadToken(ip),
      heavyWork: context.heavyWork,
      routes: [
        ...featureRoutes(context),
        feedRoutes(context),
        webhooksRoutes(context),
        ...gateway.routes,
        doctorRoute({ trusted, proxies, publicUrl: config.listen.publicUrl, wsPort: config.listen.wsPort, forwarders }),
      ],
      pages: webPages({ registration: registrationOf(context) }).route("/", clientScript()),
      refusal: () => gateway.refusal(),
      addressRefusal: (ip) => context.addressBans.refusal(ip),
      isShortOfFiles: () => openFiles.isShort,
      rates: context.rates,
      onForeignOrigin: this.#onForeignOrigin,
    });
    const tls = tlsNow(config.listen.tls);
    const ports = await listen({
      config,
      tls: tls?.used,
      logger: this.#logger,
      metrics: this.#metrics,
      trusted,
      webSocket: gateway.webSocket,
      answer: (request, bindings) => app.fetch(request, bindings),
      addressRefusal: (ip) => context.addressBans.refusal(ip),
      rates: context.rates,
      onAddress: (address) => forwarders.note(address),
    });
    gateway.hub.addPublisher(ports);
    this.#stops.push(() => ports.stop());
    if (tls)
      this.#stops.push(new TlsWatch({ ...tls, logger: this.#logger, renew: (pair) => ports.renew(pair) }).start());
    this.#stops.push(openFiles.watch(() => ports.closeIdleConnections()));
    this.#stops.push(() => {
      context.qrLogins.release();
      context.feed.hanging.release();
      return gateway.drain();
    });
    this.#stops.push(() => delay(config.drain.delayMs));
    return addressOf(config, ports.port);
  }

  #repeat(ms: number, task: () => Promise<void>): Stop {
    return every(ms, () => {
      task().catch((error: unknown) => this.#logger.error({ err: error }, "upkeep failed"));
    });
  }

  /** Without its writer the server can promise nothing: it ends, and its supervisor starts it again. */
  #die(error: Error): void {
    this.#logger.fatal({ err: error }, "the writer thread is gone, ending");
    void flushed(this.#logger).then(() => process.exit(1));
  }
}
