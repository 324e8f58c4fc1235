import { type StatsFs, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "./config/config.ts";
import { DATABASE_FILE } from "./db/open.ts";
import type { Health } from "./ops/health.ts";
import type { Metrics, WatchedGauge } from "./ops/metrics.ts";
import type { Storage } from "./storage.ts";

export interface GaugeParts {
  readonly config: Pick<Config, "data" | "gateway">;
  readonly storage: Pick<Storage, "waiting" | "announcer">;
  readonly health: Pick<Health, "state">;
  readonly presence: { readonly count: number };
  readonly retention: { readonly counted: number | undefined };
  readonly openFiles: { readonly open: number | undefined; readonly limit: number };
}

/** What the server's parts are like at the moment of a scrape; alerts stand on these (docs/runbook.md). Each costs a few microseconds at most. */
export function serverGauges(parts: GaugeParts): WatchedGauge[] {
  const { config, storage, health, presence, retention, openFiles } = parts;
  const { dir } = config.data;
  const database = join(dir, DATABASE_FILE);
  return [
    gauge("parley_connections_max", "Most live connections of this process", () => config.gateway.maxConnections),
    gauge("parley_people_online", "People who are online", () => presence.count),
    gauge("parley_draining", "1 from the first sign of a stop", () => (health.state === "draining" ? 1 : 0)),
    gauge("parley_write_queue_requests", "Writes that wait", () => storage.waiting().requests),
    gauge("parley_write_queue_rows", "Rows of the writes that wait", () => storage.waiting().rows),
    gauge("parley_database_bytes", "Size of the database's file", () => sizeOf(database)),
    gauge("parley_wal_bytes", "Size of the database's journal", () => sizeOf(`${database}-wal`)),
    gauge("parley_log_position", "Position of the newest event", () => storage.announcer.position),
    gauge("parley_log_events", "Events in the log, when retention last went through it", () => retention.counted),
    gauge("parley_disk_free_bytes", "Room on the disk of DATA_DIR", () =>
      diskOf(dir, ({ bavail, bsize }) => bavail * bsize),
    ),
    gauge("parley_disk_bytes", "Size of the disk of DATA_DIR", () =>
      diskOf(dir, ({ blocks, bsize }) => blocks * bsize),
    ),
    gauge("process_open_fds", "Open files and sockets", () => openFiles.open),
    gauge("process_max_fds", "Most files and sockets that may be open", () => openFiles.limit),
  ];
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
