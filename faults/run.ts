import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { caughtUp, read } from "./caught-up.ts";
import { Chaos, LATEST_MS } from "./chaos.ts";
import type { HookVerdict } from "./check-hook.ts";
import { checkPresence, ONLINE_AFTER_END, type Presences } from "./check-presence.ts";
import { check, missed, type Verdict } from "./checker.ts";
import { Child } from "./child.ts";
import { Churn } from "./churn.ts";
import type { AppDump, ClientsCall } from "./clients.ts";
import { Director } from "./director.ts";
import { Evidence } from "./evidence.ts";
import { Features } from "./features.ts";
import { HookKeeper } from "./hook-keeper.ts";
import type { Installation, ServerFaults } from "./installation.ts";
import { Book } from "./ledger.ts";
import { countersOf, lookUp } from "./look-ups.ts";
import { Lull } from "./lull.ts";
import type { Options } from "./options.ts";
import { type Person, Requests } from "./people.ts";
import { type PresenceVerdict, PresenceWatch } from "./presence-watch.ts";
import { openProduct } from "./product.ts";
import type { ProxyCall, WireDump } from "./proxy.ts";
import { Random } from "./random.ts";
import { RecentMessages } from "./recent-messages.ts";
import { BETWEEN, Returns } from "./returns.ts";
import { Senders } from "./senders.ts";
import { FaultyServer } from "./server.ts";
import { Sightings } from "./sightings.ts";
import { areTroubled } from "./troubles.ts";
import { LATE_READERS, makeWorld } from "./world.ts";

/** The results of a run. */
export interface Outcome {
  readonly options: Options;
  readonly verdict: Verdict;
  readonly presence: PresenceVerdict;
  /** Of several servers: what was held against the connections that there were, and how long after the end somebody was online. */
  readonly presences: Presences & { readonly emptyMs: number | undefined };
  readonly wire: WireDump;
  readonly app: AppDump;
  readonly server: ServerFaults & Pick<Installation, "movesClock">;
  readonly churn: Churn["counts"];
  readonly features: Features["counts"];
  readonly hook: HookVerdict & HookKeeper["counts"] & { readonly tries: number };
  readonly book: Pick<Book, "acknowledged" | "refused"> & { readonly recalls: number; readonly commands: number };
  readonly retries: number;
  /** The time from the end of the faults until every client had everything; undefined if that took too long. */
  readonly caughtUpMs: number | undefined;
  readonly durationMs: number;
  /** Of it, how long incidents happened. */
  readonly faultsMs: number;
}

/** By then the longest fault is over, and so is the SELF that the server sends a second later. */
const CALM_MS = 4_500;
/** How many clients find no way back when a node dies. */
const STRANDED = 3;

/** One whole run, from the first account to the verdict. Everything it starts is ended, whatever happens. */
export async function run(options: Options, say: (line: string) => void): Promise<Outcome> {
  const begunAt = performance.now();
  const random = new Random(options.seed);
  const dir = mkdtempSync(join(tmpdir(), "parley-faults-run-"));
  const server = await installationFor(options);
  const proxy = new Child<ProxyCall>("./proxy.ts");
  const clients = new Child<ClientsCall>("./clients.ts");
  const requests = new Requests(server.ports);
  const hook = new HookKeeper(dir, random.of("hook"));
  // The other processes end with this one; servers, like all servers, would go on.
  const killServer = () => server.killNow();
  process.on("exit", killServer);
  try {
    if (!server.movesClock) say("gcc is not installed: the server's clock is not moved");
    await server.start();
    const evidence = new Evidence(server.place, dir);
    const book = new Book();
    const made = { readers: options.clients, rooms: options.rooms, random: random.of("world") };
    const product = await openProduct(server, requests);
    await hook.start(requests, product);
    const world = await makeWorld({ requests, book }, made);
    const ports = await proxy.ask<number[]>({
      ask: "open",
      serverPorts: server.ports,
      count: options.clients + LATE_READERS,
    });
    const plan = new Chaos(random.of("transports"), options.clients);
    const people = [...world.readers, ...world.lateReaders];
    await clients.ask({
      ask: "start",
      clients: people.map(({ token, uid }, i) => ({
        url: `http://127.0.0.1:${ports[i]}`,
        token,
        uid,
        transports: i < options.clients ? plan.transports() : BETWEEN,
        seed: random.of(`client ${i}`).between(0, 2 ** 31),
      })),
    });
    say(`${people.length} clients are live after ${seconds(begunAt)} s`);

    const perSecond = options.events / options.seconds;
    const recent = new RecentMessages();
    const senders = new Senders({ requests, world, book, recent, perSecond, random: random.of("senders") });
    const churn = new Churn({ requests, world, book, random: random.of("churn"), perSecond: 5 });
    const lull = new Lull();
    const acting = { requests, world, book, product, recent, proxy, clients, lull };
    const features = new Features(acting, random.of("features"));
    const parts = { lull, random: random.of("chaos"), world, book, server, senders, churn, proxy, clients };
    const returns = new Returns({ lull, requests, clients, random: random.of("returns") });
    const lateReaders = world.lateReaders.map((person, turn) => ({ person, client: options.clients + turn, turn }));
    const returning = Promise.all(lateReaders.map(({ person, ...own }) => returns.run(person, own)));
    const observer = world.senders[0] as Person;
    const watch = new PresenceWatch({
      ...{ requests, clients, people, observer, ports: server.ports },
      isTroubled: () => areTroubled(server.troubles),
    });
    const watching = watch.run();
    const sightings = new Sightings({ ports: server.ports, observer, uids: people.map(({ uid }) => uid) });
    const seeing = sightings.run();
    const strandable = random.of("strands");
    const strand = async (node: number, ms: number) => {
      const there = await proxy.ask<number[]>({ ask: "connected", node });
      const clients = strandable.some(
        there.filter((client) => client < options.clients),
        STRANDED,
      );
      await Promise.all(clients.map((client) => proxy.ask({ ask: "fault", client, fault: { kind: "strand", ms } })));
    };
    const director = new Director({ ...options, ...parts });
    const writing = Promise.all([senders.run(), churn.run(), features.run(), hook.run()]);
    const ticker = setInterval(() => say(`${seconds(begunAt)} s, ${senders.done} sent or done`), 60_000);
    const faultsAt = performance.now();
    await Promise.all([
      director.run(),
      server.breakDown({ lull, strand, random: random.of("restarts"), ...options }),
    ]).finally(() => clearInterval(ticker));
    const faultsMs = performance.now() - faultsAt;
    senders.end();
    churn.end();
    features.end();
    hook.end();
    returns.end();
    await writing;
    await returning;
    await Bun.sleep(CALM_MS);
    watch.end();
    await watching;
    sightings.end();
    await seeing;

    // Everything that a webhook still waits for is due at once.
    server.jumpTo(LATEST_MS);
    const hooked = await hook.settle(evidence);
    const uids = people.map(({ uid }) => uid);
    const caughtUpMs = await caughtUp({ clients, uids, dir, evidence });
    const file = join(dir, "dump");
    await proxy.ask({ ask: "dump", file });
    const wire = read<WireDump>(file);
    await clients.ask({ ask: "dump", file });
    const app = read<AppDump>(file);
    const witnesses = {
      databaseFile: await evidence.file(),
      uids,
      apps: app.clients,
      wire: wire.clients,
      undisturbed: lateReaders.map(({ client }) => client),
    };
    const lookUps = missed(witnesses).map((messages, i) => lookUp(requests, people[i] as Person, messages));
    const { ledger } = book;
    const counters = await Promise.all(people.map((person) => countersOf(requests, person)));
    const verdict = check({
      ...witnesses,
      seen: app.events,
      shown: await Promise.all(lookUps),
      counters,
      oldTexts: wire.oldTexts,
      hiddenTexts: wire.hiddenTexts,
      ledger,
      lives: server.lives,
      troubles: server.troubles,
      elsewhereMs: server.elsewhereMs,
    });
    for (const more of [watch.verdict, hooked, server]) verdict.problems.addAll(more.problems);
    const { problems } = verdict;
    const spans = new Map(uids.map((uid, i) => [uid, wire.clients[i]?.spans ?? []]));
    const { lives, troubles } = server;
    const seen = { sightings: sightings.all, spans, lives, troubles };
    const presences = checkPresence(seen, problems);
    const { logs } = options;
    if (logs !== undefined) {
      writeFileSync(join(logs, "presence.json"), JSON.stringify({ ...seen, spans: Object.fromEntries(spans) }));
    }
    await clients.end();
    const emptyMs = await sightings.untilEmpty();
    if (emptyMs === undefined) problems.add(ONLINE_AFTER_END, "somebody is, a minute after all clients have ended");
    await server.stop();
    return {
      options,
      verdict,
      presence: watch.verdict,
      presences: { ...presences, emptyMs },
      wire,
      app,
      server: { ...server.faults, movesClock: server.movesClock },
      churn: churn.counts,
      features: features.counts,
      hook: { ...hooked, ...hook.counts },
      book: {
        acknowledged: book.acknowledged,
        refused: book.refused,
        recalls: ledger.recalls.length,
        commands: book.commands.commands.filter(({ most, answered }) => answered && most > 0).length,
      },
      retries: requests.retries,
      caughtUpMs,
      durationMs: performance.now() - begunAt,
      faultsMs,
    };
  } finally {
    requests.end();
    await Promise.all([clients.end(), proxy.end(), hook.stop()]);
    await server.remove();
    process.off("exit", killServer);
    rmSync(dir, { recursive: true, force: true });
  }
}

async function installationFor({ nodes, bus, logs }: Options): Promise<Installation> {
  if (nodes === 1) return new FaultyServer();
  // Loaded by those who need it: it looks for programs that are missing on many machines, and says so.
  const { Cluster } = await import("./cluster/cluster.ts");
  return Cluster.open({ nodes, bus, logs });
}

function seconds(since: number): number {
  return Math.round((performance.now() - since) / 1000);
}
