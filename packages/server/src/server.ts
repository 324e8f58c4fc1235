/**
 * The graph: the only place that knows every room. It builds storage, features, gateway and ports in the order in which
 * they need each other, and stops them in reverse. Constructors do no I/O; a test builds the same graph as production.
 */

import { answerTotals, samplerOfAll } from "./admin/all-nodes.ts";
import { answerNodes } from "./admin/node-here.ts";
import { type Cluster, clusterOf } from "./cluster.ts";
import type { Config } from "./config/config.ts";
import { type Context, createContext } from "./context.ts";
import { unlessPassing } from "./db/storage-fault.ts";
import { featureRoutes } from "./feature-routes.ts";
import { createGateway, type Gateway } from "./gateway-graph.ts";
import { createApp } from "./http/app.ts";
import { trustedProxies } from "./http/client-ip.ts";
import { clientScript } from "./http/client-script.ts";
import { doctorRoute } from "./http/doctor-route.ts";
import { sharedForwarderWarnings } from "./http/forwarder-warning.ts";
import { OpenFiles } from "./http/open-files.ts";
import { originRules } from "./http/origin.ts";
import { OriginWarnings } from "./http/origin-warnings.ts";
import { webPages } from "./http/pages.ts";
import { Internal, type InternalData } from "./identity/internal-events.ts";
import { registrationOf } from "./identity/registration.ts";
import { hasAccounts } from "./identity/users.ts";
import { JobsWhenOldest } from "./jobs-when-oldest.ts";
import { type Clock, systemClock } from "./lib/clock.ts";
import { openFileLimit } from "./lib/file-limit.ts";
import { delay, every } from "./lib/interval.ts";
import { undoAll } from "./lib/undo-all.ts";
import { addressOf, checkPorts, listen } from "./listener.ts";
import { aloneNode, NodeChannel, type NodePlace } from "./nodes/channel.ts";
import type { OneOfSeveral } from "./one-of-several.ts";
import { Health } from "./ops/health.ts";
import { flushed, type Logger } from "./ops/logger.ts";
import { Metrics } from "./ops/metrics.ts";
import type { ProductTokens } from "./product-tokens/product-tokens.ts";
import { startProductTokens } from "./product-tokens/start-product-tokens.ts";
import { countInRedis } from "./redis/redis-counting.ts";
import { memberCountOf } from "./rooms/small-rooms.ts";
import { startRounds } from "./rounds.ts";
import type { Feed } from "./server-api/feed.ts";
import { feedRoutes } from "./server-api/feed-routes.ts";
import { clusterGauges, countersFor, installationGauges, journalBytes, processGauges } from "./server-gauges.ts";
import { openStorage, type Storage, type WriterOverrides } from "./storage.ts";
import { StorageWatch } from "./storage-watch.ts";
import { createTelling, type Telling } from "./telling.ts";
import { TlsWatch, tlsNow } from "./tls-watch.ts";
import { UntoldJoins } from "./untold-joins.ts";
import { sendHookOf } from "./webhooks/send-hook.ts";
import type { Webhooks } from "./webhooks/webhooks.ts";
import { webhooksRoutes } from "./webhooks/webhooks-routes.ts";

/** How often a worker looks at the log's end; its supervisor tells it of everything at once. */
const FOLLOW_AS_WORKER_MS = 5000;
/** The same for others, for what commands write (`parley user`, `parley key`): it holds within a second. */
const FOLLOW_MS = 500;
/** How often it is written who was seen, and which keys were used. */
const SEEN_MS = 10_000;

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
  readonly #place: NodePlace;
  /** Undefined where the database is a file, which has one server. */
  readonly #cluster: Cluster | undefined;
  /** Undefined: this process is the only one. */
  readonly #several: OneOfSeveral | undefined;
  readonly #health = new Health();
  readonly #metrics = new Metrics();
  /** Undo what was started; called last to first. */
  readonly #stops: (() => unknown)[] = [];
  readonly #onForeignOrigin: (origin: string) => void;
  readonly #onOtherLog: ((why: string) => void) | undefined;
  #stopping: Promise<void> | undefined;
  #gateway: Gateway | undefined;
  #storage: Storage | undefined;
  #feed: Feed | undefined;
  #context: Context | undefined;

  /**
   * @param parts.clock another time, for both threads
   * @param parts.writer see `openStorage`
   * @param parts.place its place among other nodes; without it there are none
   * @param parts.closesPerSecond another pace of the drain
   * @param parts.several what it has in place of its own as one of several processes
   * @param parts.onOtherLog see `LogWatch`. All but these two, the place and the logger are for tests.
   */
  constructor(
    config: Config,
    parts: {
      logger: Logger;
      clock?: Clock;
      writer?: Omit<WriterOverrides, "clock">;
      presence?: PresenceTimes;
      closesPerSecond?: number;
      place?: NodePlace;
      several?: OneOfSeveral;
      onOtherLog?: (why: string) => void;
    },
  ) {
    this.#onOtherLog = parts.onOtherLog;
    this.#place = parts.place ?? aloneNode();
    this.#presence = parts.presence ?? {};
    this.#closesPerSecond = parts.closesPerSecond;
    this.#several = parts.several;
    this.#config = config;
    this.#logger = parts.logger;
    if (config.data.databaseUrl !== undefined && this.#isWriter && !parts.writer?.shared) {
      this.#cluster = clusterOf(config, { ...parts, node: parts.several?.node });
    }
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

  /** What actions stand on; undefined before the start. */
  get context(): Context | undefined {
    return this.#context;
  }

  get metrics(): Metrics {
    return this.#metrics;
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
      await this.stop({ atOnce: true });
      throw error;
    }
  }

  /**
   * Lets load balancers turn away, refuses new work, drains the connections, finishes what was accepted, closes. Every step
   * is tried; failures are thrown at the end. A second call waits for the first. `atOnce`: without the time for load balancers.
   */
  stop({ atOnce = false }: { atOnce?: boolean } = {}): Promise<void> {
    this.#stopping ??= this.#stop(atOnce);
    return this.#stopping;
  }

  async #start(): Promise<{ url: string; isNew: boolean }> {
    const config = this.#config;
    const clock = this.#clock;
    const of = { clock, logger: this.#logger, metrics: this.#metrics };
    const storage = await this.#openStorage();
    this.#storage = storage;
    this.#stops.push(() => storage.close());
    const place = await this.#join(storage);
    const { db, epoch, writes } = storage;
    this.#stops.push(await new StorageWatch({ ...of, storage, health: this.#health, data: config.data }).start());
    const onNodeError = unlessPassing((error) =>
      this.#logger.error({ err: error }, "a message from another node could not be handled"),
    );
    const context = createContext({
      channel: new NodeChannel(place, onNodeError),
      onNodeError,
      tokens: this.#startProductTokens(),
      sendHook: sendHookOf(config, of),
      config,
      db,
      epoch,
      writes,
      clock,
      starts: storage.starts,
      graceMs: this.#presence.graceMs,
      ...this.#several?.ofContext,
      measures: this.#cluster && (() => this.#cluster?.lease.isOldest === true),
      ...countInRedis(config, { installation: epoch, logger: this.#logger, stops: this.#stops }),
      ...countersFor(this.#metrics),
    });
    const { textChanges, logins, serverKeys, qrLogins, presence } = context;
    this.#context = context;
    for (const one of [textChanges, logins, serverKeys, qrLogins]) storage.listen((event) => one.onEvent(event));
    const untold = new UntoldJoins();
    storage.listen((event) => {
      presence.onEvent(event, untold.see(event));
      if (event.type !== Internal.JOINS_TOLD) return;
      presence.readAgain((JSON.parse(event.data) as InternalData[-31]).uids);
    });
    const gateway = this.#createGateway(storage, context);
    storage.listen((event) => context.addressBans.onEvent(event));
    await context.addressBans.load(db);
    answerNodes(context);
    answerTotals(context, this.#metrics);
    this.#gateway = gateway;
    this.#cluster?.setPeople(gateway.others);
    this.#stops.push(() => noteSeen(context));
    this.#stops.push(startRounds({ storage, context, hub: gateway.hub, logger: this.#logger }));
    const told = createTelling(storage, context, of);
    this.#feed = told.feed;
    if (this.#isWriter) await this.#startJobs(storage, context, told.webhooks);
    this.#repeat(this.#isWriter ? FOLLOW_MS : FOLLOW_AS_WORKER_MS, () => storage.follow());
    this.#repeat(SEEN_MS, () => noteSeen(context));
    this.#stops.push(this.#metrics.start());
    this.#stops.push(gateway.start());
    await gateway.whenJoined();
    const openFiles = new OpenFiles({ limit: openFileLimit(), logger: this.#logger });
    this.#metrics.watch([...processGauges({ config, openFiles }), ...clusterGauges(this.#cluster)]);
    const url = await this.#listen({ ...context, ...told, openFiles }, gateway);
    this.#health.set("ready");
    return { url, isNew: !(await hasAccounts(db)) };
  }

  /** Whether this process writes to the database itself. */
  get #isWriter(): boolean {
    return this.#several?.openStorage === undefined;
  }

  #openStorage(): Promise<Storage> {
    const of = { config: this.#config, clock: this.#clock, logger: this.#logger };
    if (this.#several?.openStorage) return this.#several.openStorage(of);
    return openStorage({
      ...of,
      cluster: this.#cluster,
      metrics: this.#metrics,
      writer: this.#writer,
      onWriterDeath: (error) => this.#die(error),
      onOtherLog: this.#onOtherLog,
      beforeMaking: this.#several ? undefined : () => checkPorts(this.#config.listen),
    });
  }

  /** From here on this node is known to the others, and what they write is announced here. */
  async #join(storage: Storage): Promise<NodePlace> {
    const cluster = this.#cluster;
    if (!cluster) return this.#place;
    const hasReaders = () => Object.values(this.#context?.live.counts() ?? {}).some((count) => count > 0);
    await cluster.join({ ...storage, look: () => storage.follow(), hasReaders });
    this.#health.busWorks = () => cluster.busWorks;
    return cluster.place;
  }

  /** Begins what runs once for the installation, unless another node does. */
  async #startJobs(storage: Storage, context: Context, webhooks: Webhooks): Promise<void> {
    const of = { config: this.#config, storage, presence: context.presence, metrics: this.#metrics };
    const jobs = new JobsWhenOldest({
      ...of,
      context,
      webhooks,
      sampler: samplerOfAll(context, this.#metrics),
      clock: this.#clock,
      logger: this.#logger,
      announced: this.#cluster?.lease ?? storage.announcer,
    });
    this.#stops.push(() => jobs.stop());
    await jobs.start(this.#cluster?.lease);
    if (!this.#several) this.#metrics.watch(installationGauges({ ...of, health: this.#health, retention: jobs }));
  }

  #repeat(ms: number, task: () => Promise<void>): void {
    const failed = unlessPassing((error) => this.#logger.error({ err: error }, "upkeep failed"));
    this.#stops.push(every(ms, () => void task().catch(failed)));
  }

  async #stop(atOnce: boolean): Promise<void> {
    this.#health.set("draining");
    if (!atOnce) await delay(this.#config.drain.delayMs);
    await undoAll(this.#stops);
  }

  #startProductTokens(): ProductTokens | undefined {
    const settings = this.#config.productTokens;
    if (!settings) return undefined;
    const parts = { clock: this.#clock, logger: this.#logger, metrics: this.#metrics };
    const { tokens, stop } = startProductTokens(settings, parts);
    this.#stops.push(stop);
    return tokens;
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

  async #listen(context: Context & Telling & { openFiles: OpenFiles }, gateway: Gateway): Promise<string> {
    const config = this.#config;
    const trusted = trustedProxies(config.listen.trustedProxies);
    const proxies = config.listen.trustedProxies;
    const watched = { health: this.#health, logger: this.#logger, proxies };
    const forwarders = sharedForwarderWarnings(context.channel, watched);
    const { openFiles } = context;
    const app = createApp({
      config,
      logger: this.#logger,
      metrics: this.#metrics,
      metricsPage: this.#several?.metricsPage,
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
        doctorRoute({ ...config.listen, trusted, proxies, forwarders, journalBytes: () => journalBytes(config) }),
      ],
      pages: webPages({ registration: registrationOf(context) }).route("/", clientScript()),
      refusal: () => gateway.refusal(),
      addressRefusal: (ip) => context.addressBans.refusal(ip),
      endsConnections: () => openFiles.isShort || gateway.refusal() !== undefined,
      rates: context.rates,
      onForeignOrigin: this.#onForeignOrigin,
    });
    const tls = tlsNow(config.listen.tls);
    const ports = await listen({
      config,
      isShared: this.#several !== undefined,
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
    this.#stops.push(() => ports.stop({ untilNobodyWaits: this.#several !== undefined || config.drain.spreadMs > 0 }));
    if (tls)
      this.#stops.push(new TlsWatch({ ...tls, logger: this.#logger, renew: (pair) => ports.renew(pair) }).start());
    this.#stops.push(openFiles.watch(() => ports.closeIdleConnections()));
    this.#stops.push(() => {
      context.qrLogins.release();
      context.feed.hanging.release();
      return gateway.drain();
    });
    return addressOf(config, ports.port);
  }

  /** Without its writer the server can promise nothing: it ends, and its supervisor starts it again. */
  #die(error: Error): void {
    this.#logger.fatal({ err: error }, "the writer thread is gone, ending");
    void flushed(this.#logger).then(() => process.exit(1));
  }
}

/** Called now and then and before the end: writes who was seen, and which keys were used. */
async function noteSeen({ logins, serverKeys }: Pick<Context, "logins" | "serverKeys">): Promise<void> {
  await logins.sweep({ atMost: 0 });
  await serverKeys.sweep();
}
