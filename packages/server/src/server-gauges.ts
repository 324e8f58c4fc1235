import { type StatsFs, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { Push } from "@parley/protocol";
import type { Config } from "./config/config.ts";
import { DATABASE_FILE } from "./db/sqlite/open.ts";
import type { Health } from "./ops/health.ts";
import type { Metrics, WatchedGauge } from "./ops/metrics.ts";
import type { Storage } from "./storage.ts";

export interface ProcessGaugeParts {
  readonly config: Pick<Config, "gateway">;
  readonly openFiles: { readonly open: number | undefined; readonly limit: number };
}

/** What each process that serves is like at the moment of a scrape; alerts stand on these (docs/runbook.md). Each costs a few microseconds at most. */
export function processGauges({ config, openFiles }: ProcessGaugeParts): WatchedGauge[] {
  return [
    gauge("parley_connections_max", "Most live connections", () => config.gateway.maxConnections),
    gauge("process_open_fds", "Open files and sockets", () => openFiles.open),
    gauge("process_max_fds", "Most files and sockets that may be open", () => openFiles.limit),
  ];
}

export interface InstallationGaugeParts {
  readonly config: Pick<Config, "data">;
  readonly storage: Pick<Storage, "waiting" | "announcer">;
  readonly health: Pick<Health, "state">;
  readonly presence: { readonly count: number };
  readonly retention: { readonly counted: number | undefined };
}

/** The same for what there is once, however many processes serve. */
export function installationGauges(parts: InstallationGaugeParts): WatchedGauge[] {
  const { config, storage, health, presence, retention } = parts;
  const { dir, databaseUrl } = config.data;
  const databaseBytes = () => (databaseUrl === undefined ? sizeOf(join(dir, DATABASE_FILE)) : undefined);
  return [
    gauge("parley_people_online", "People who are online", () => presence.count),
    gauge("parley_draining", "1 from the first sign of a stop", () => (health.state === "draining" ? 1 : 0)),
    gauge("parley_write_queue_requests", "Writes that wait", () => storage.waiting().requests),
    gauge("parley_write_queue_rows", "Rows of the writes that wait", () => storage.waiting().rows),
    gauge("parley_database_bytes", "Size of the database's file", databaseBytes),
    gauge("parley_wal_bytes", "Size of the database's journal", () => journalBytes(config)),
    gauge("parley_log_position", "Position of the newest event", () => storage.announcer.position),
    gauge("parley_log_events", "Events in the log, when retention last went through it", () => retention.counted),
    gauge("parley_disk_free_bytes", "Room on the disk of DATA_DIR", () =>
      diskOf(dir, ({ bavail, bsize }) => bavail * bsize),
    ),
    gauge("parley_disk_bytes", "Size of the disk of DATA_DIR", () =>
      diskOf(dir, ({ blocks, bsize }) => blocks * bsize),
    ),
  ];
}

/** What a node of a cluster knows of the others; undefined where the database is a file, which has one server. */
export function clusterGauges(
  cluster: { readonly busWorks: boolean; readonly nodeCount: number } | undefined,
): WatchedGauge[] {
  const busWorks = () => (cluster?.busWorks ? 1 : 0);
  return [
    gauge("parley_bus_works", "1 while messages of the other nodes come through", () => cluster && busWorks()),
    gauge("parley_nodes", "Nodes that are alive", () => cluster?.nodeCount),
  ];
}

/** Of the database's journal. */
export function journalBytes({ data }: Pick<Config, "data">): number | undefined {
  if (data.databaseUrl !== undefined) return undefined;
  return sizeOf(join(data.dir, `${DATABASE_FILE}-wal`));
}

function gauge(name: string, help: string, read: () => number | undefined): WatchedGauge {
  return { name, help, read };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Undefined where the disk does not say. */
function diskOf(dir: string, read: (disk: StatsFs) => number): number | undefined {
  try {
    return read(statfsSync(dir));
  } catch {
    return undefined;
  }
}

/** What features tell the metrics, which they do not know. */
export function countersFor({ limitHits, signIns }: Pick<Metrics, "limitHits" | "signIns">) {
  return {
    onFullRate: (limit: string) => limitHits.inc({ limit }),
    onSignIn: (result: "done" | "wrong" | "refused") => signIns.inc({ result }),
  };
}

/** Counts what is announced: once for an installation, however many processes announce it. */
export function countEvents(
  storage: Pick<Storage, "listen">,
  metrics: Pick<Metrics, "eventsAppended" | "messages">,
): void {
  storage.listen(({ type }) => {
    metrics.eventsAppended.inc();
    if (type === Push.MESSAGE) metrics.messages.inc();
  });
}
