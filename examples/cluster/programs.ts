/** Programs that this example starts for itself: on free ports of the loopback address, with their files in one temporary folder, all gone at the end. */
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const POSTGRES = "/usr/lib/postgresql";
/** Where Debian puts servers: not everybody's PATH has these folders. */
const ALSO_IN = ["/usr/sbin", ...versionsOf(POSTGRES).map((version) => join(POSTGRES, version, "bin"))];
const LOWEST_PORT = 20_000;
/** The first one of Linux's `ip_local_port_range`. */
const FIRST_OUTGOING = 32_768;
const START_MS = 30_000;
const END_MS = 5000;

function versionsOf(folder: string): string[] {
  try {
    return readdirSync(folder).sort((a, b) => Number(b) - Number(a));
  } catch {
    return [];
  }
}

/** Paths of programs by their names. Ends this process with a line if some are not installed. */
export function need<Name extends string>(...names: Name[]): Record<Name, string> {
  const PATH = [process.env.PATH, ...ALSO_IN].join(":");
  const found = names.map((name) => [name, Bun.which(name, { PATH })] as const);
  const missing = found.filter(([, path]) => path === null).map(([name]) => name);
  if (missing.length > 0) {
    rmSync(folder, { recursive: true });
    console.error(`Not installed: ${missing.join(", ")}. On Debian: apt-get install postgresql redis-server haproxy`);
    process.exit(2);
  }
  return Object.fromEntries(found) as Record<Name, string>;
}

export const folder = mkdtempSync(join(tmpdir(), "parley-cluster-"));
const running: Program[] = [];
let isOver = false;

/** One program, which ends with this process. What it prints goes into `NAME.log` in the folder. */
export class Program {
  readonly name: string;
  readonly #process: Bun.Subprocess;

  /** @param options.as the user to run it as, if this process is root's */
  constructor(
    name: string,
    command: string[],
    options: { env?: Record<string, string>; as?: string | undefined } = {},
  ) {
    if (isOver) throw new Error("the end has begun");
    this.name = name;
    const log = Bun.file(this.log);
    const { PATH = "" } = process.env;
    const env = { PATH, LC_ALL: "C", ...options.env };
    this.#process = Bun.spawn(asUser(options.as, command), { env, stdin: "ignore", stdout: log, stderr: log });
    running.push(this);
  }

  get log(): string {
    return join(folder, `${this.name}.log`);
  }

  /** Resolves when it accepts connections. */
  listens(port: number): Promise<void> {
    return this.#until(() => accepts(port));
  }

  /** Resolves when it has printed this. */
  says(text: string): Promise<void> {
    return this.#until(() => readFileSync(this.log, "utf8").includes(text));
  }

  async #until(is: () => boolean | Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + START_MS; !(await is()); await Bun.sleep(50)) {
      if (this.#process.exitCode !== null || Date.now() > deadline)
        throw new Error(`${this.name} does not start. It said:\n${readFileSync(this.log, "utf8")}`);
    }
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.#process.kill(signal);
    await Promise.race([this.#process.exited, Bun.sleep(END_MS)]);
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }
}

/** The command as this user, and, where the system can do that, so that it ends when this process is killed. */
function asUser(user: string | undefined, command: string[]): string[] {
  const setpriv = Bun.which("setpriv");
  if (!setpriv) return command;
  const ids = user ? [`--reuid=${user}`, `--regid=${user}`, "--init-groups"] : [];
  return [setpriv, ...ids, "--pdeathsig", "QUIT", "--", ...command];
}

/** A new PostgreSQL with nothing in it. @returns the address of a database */
export async function startPostgres(programs: Record<"initdb" | "postgres", string>): Promise<string> {
  const port = await freePort();
  const home = join(folder, "postgres");
  mkdirSync(home);
  // It refuses to run as root, and has a user of its own for that.
  const as = process.getuid?.() === 0 ? "postgres" : undefined;
  if (as) for (const path of [folder, home]) chownSync(path, ...idsOf(as));
  const data = join(home, "data");
  const initdb = [programs.initdb, "-D", data, "--auth=trust", "--username=parley", "--encoding=UTF8", "--locale=C"];
  const made = Bun.spawnSync(asUser(as, initdb));
  if (made.exitCode !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", `port=${port}`];
  const command = [programs.postgres, "-D", data, ...settings.flatMap((setting) => ["-c", setting])];
  // It listens before it takes anybody.
  await new Program("postgres", command, { as }).says("ready to accept connections");
  return `postgres://parley@127.0.0.1:${port}/postgres`;
}

/** A new Redis, which stores nothing. @returns its address */
export async function startRedis(program: string): Promise<string> {
  const port = await freePort();
  const settings = { bind: "127.0.0.1", port: String(port), save: "", appendonly: "no", dir: folder };
  const command = [program, ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])];
  await new Program("redis", command).listens(port);
  return `redis://127.0.0.1:${port}`;
}

/** Ends everything that was started, the newest first, and removes its files. */
export async function endAll(): Promise<void> {
  isOver = true;
  for (const program of running.splice(0).reverse())
    await program.end(program.name === "postgres" ? "SIGINT" : "SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}

/** A port that is free, and that no outgoing connection of this machine gets before a program listens there. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (FIRST_OUTGOING - LOWEST_PORT));
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${LOWEST_PORT} to ${FIRST_OUTGOING} is free`);
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer().on("error", () => resolve(false));
  server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  return promise;
}

function accepts(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, "127.0.0.1");
  socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}

function idsOf(user: string): [uid: number, gid: number] {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((text) => text.startsWith(`${user}:`));
  if (!line) throw new Error(`there is no user ${user}, and PostgreSQL does not run as root`);
  const [, , uid, gid] = line.split(":");
  return [Number(uid), Number(gid)];
}
