import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import {
  type InstallationGaugeParts,
  installationGauges,
  type ProcessGaugeParts,
  processGauges,
} from "./server-gauges.ts";

test("MET-1: each gauge reads what it is named after, and one that is not known is left out", () => {
  const parts = {
    config: { data: { dir: `${tmpdir()}/nowhere at all` }, gateway: { maxConnections: 1 } },
    storage: { waiting: () => ({ requests: 2, rows: 3 }), announcer: { position: 4 } },
    health: { state: "draining" },
    presence: { count: 5 },
    retention: { counted: undefined },
    openFiles: { open: 6, limit: 7 },
  } as unknown as InstallationGaugeParts & ProcessGaugeParts;
  const all = [...processGauges(parts), ...installationGauges(parts)];
  expect(Object.fromEntries(all.map(({ name, read }) => [name, read()]))).toEqual({
    parley_connections_max: 1,
    parley_write_queue_requests: 2,
    parley_write_queue_rows: 3,
    parley_log_position: 4,
    parley_people_online: 5,
    process_open_fds: 6,
    process_max_fds: 7,
    parley_draining: 1,
    parley_log_events: undefined,
    parley_database_bytes: 0,
    parley_wal_bytes: 0,
    parley_disk_free_bytes: undefined,
    parley_disk_bytes: undefined,
  });
});
