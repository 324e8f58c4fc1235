import { readFileSync } from "node:fs";
import { join } from "node:path";
import { haproxy, nginx, type ProxyKind } from "../packages/server/test/reverse-proxy.ts";

/** A balancer with the configuration of `examples/`, whose addresses alone are others. */
export interface Balancer {
  readonly kind: ProxyKind;
  /** How often it sent a request to another node, or tried to connect again, so far. */
  retries(): Promise<number>;
}

const EXAMPLES = join(import.meta.dir, "../examples");

export function haproxyFor(ports: readonly number[]): Balancer {
  let socket = "";
  const configure: ProxyKind["configure"] = ({ port, dir }) => {
    socket = join(dir, "stats");
    const text = withAddresses(readFileSync(join(EXAMPLES, "haproxy.cfg"), "utf8"), ports);
    return `global\n  stats socket ${socket}\n${text.replace("bind :80", `bind 127.0.0.1:${port}`)}`;
  };
  const retries = async () => {
    const [head = "", ...lines] = (await asked(socket, "show stat\n")).split("\n");
    const names = head.replace("# ", "").split(",");
    const backend = lines.map((line) => line.split(",")).find((cells) => cells[1] === "BACKEND");
    return Number(backend?.[names.indexOf("wretr")]);
  };
  return { kind: { ...haproxy, configure }, retries };
}

export function nginxFor(ports: readonly number[]): Balancer {
  let log = "";
  const configure: ProxyKind["configure"] = (at) => {
    log = join(at.dir, "tried.log");
    const text = withAddresses(readFileSync(join(EXAMPLES, "nginx.conf"), "utf8"), ports);
    const server = text.replace("listen 80;", `listen 127.0.0.1:${at.port};`);
    const all = nginx.configure(at).replace(/ {2}server \{[\s\S]*\n {2}\}\n\}\n$/, `${server}\n}\n`);
    return all
      .replace(/access_log .*;/, `log_format tried "$upstream_addr";\naccess_log ${log} tried;`)
      .replace(/worker_connections \d+/, "worker_connections 4096");
  };
  // Each node that was tried is named, the last one last.
  const retries = async () => readFileSync(log, "utf8").split(", ").length - 1;
  return { kind: { ...nginx, configure }, retries };
}

function withAddresses(text: string, ports: readonly number[]): string {
  let index = 0;
  const lines = text.split("\n").flatMap((line) => {
    if (!/^\s*server .*10\.0\.0\.1\d:8080/.test(line)) return [line];
    const port = ports[index++];
    return port === undefined ? [] : [line.replace(/10\.0\.0\.1\d:8080/, `127.0.0.1:${port}`)];
  });
  if (index < ports.length) throw new Error("the example has fewer nodes");
  return lines.join("\n");
}

/** What HAProxy answers to a command on its socket. */
function asked(socket: string, command: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = "";
  const handlers = {
    open: (opened: Bun.Socket) => void opened.write(command),
    data: (_: Bun.Socket, bytes: Buffer) => {
      said += bytes.toString();
    },
    close: () => resolve(said),
    error: (_: Bun.Socket, error: Error) => reject(error),
  };
  Bun.connect({ unix: socket, socket: handlers }).catch(reject);
  return promise;
}
