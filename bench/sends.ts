import { join } from "node:path";
import { prepareDatabase } from "../packages/server/src/db/open.ts";
import type { Benchmark } from "./benchmark.ts";
import { DONE, doneOf, type Loaded, overHttp } from "./loads.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { loadStores, type ReferenceParts } from "./store-loads.ts";
import type { Stores } from "./stores.ts";

/**
 * Messages over HTTP, each acknowledged after it is on the disk: how many a second, how long each takes, and what they cost
 * the server and PostgreSQL. The load is a program in C that shares the processors with the server and costs about a tenth of it. Beside
 * it, under the same load or the same batches, what no server can be without: the runtime's HTTP server with nothing behind
 * it, and SQLite and PostgreSQL with nothing before them.
 */
export const sends: Benchmark = {
  name: "sends",
  about: "durable sends over HTTP at 64 and 256 in flight, on SQLite and PostgreSQL, beside bare HTTP and bare commits",
  run: (options) =>
    loadStores(
      {
        name: "sends",
        each: "send",
        requests: 10_000,
        warmUp: WARM_UP,
        wish: { people: SENDERS, rooms: (uids) => [uids] },
        what: ({ rooms }) => `/api/v1/rooms/${rooms[0]}/messages`,
        references,
      },
      options,
    ),
};

const SENDERS = 8;
const WARM_UP = 40_000;

/** p50 and p99 of bare commits are of one batch of 64. */
async function references({ store, stores, folder, load, what }: ReferenceParts): Promise<Record<string, Loaded>> {
  if (store.kind !== "SQLite" && store.kind !== "PostgreSQL") return {};
  const databaseUrl = await store.postgres?.newDatabase();
  const place = await prepareDatabase({ dir: join(folder, "bare"), databaseUrl }, Date.now());
  if ("url" in place) {
    const commits = await start(stores, "bare-postgres-commits", place.url);
    return { "bare commits, PostgreSQL": { ...committing(commits.program), postgres: store.postgres } };
  }
  const echo = await start(stores, "bare-echo");
  const commits = await start(stores, "bare-commits", place.file);
  const bare = { ...store, nodes: [Object.assign(echo.program, { port: Number(echo.ready[1]) })] };
  return {
    "bare HTTP, 64": overHttp(bare, { load, inFlight: 64, what, warmUp: WARM_UP }),
    "bare commits, SQLite": committing(commits.program),
  };
}

function committing(program: MeasuredProcess): Loaded {
  const load = async (count: number) => {
    program.tell(String(count));
    return doneOf(await program.line(DONE));
  };
  return { nodes: [program], warmUp: WARM_UP, load };
}

async function start(
  stores: Stores,
  name: string,
  ...args: string[]
): Promise<{ program: MeasuredProcess; ready: RegExpExecArray }> {
  const command = [process.execPath, new URL(`./${name}.ts`, import.meta.url).pathname, ...args];
  const program = new MeasuredProcess(command, {});
  stores.endLater(() => program.kill());
  return { program, ready: await program.line(/^ready ?(\d*)/) };
}
