import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { delay } from "../src/lib/interval.ts";
import { lastingPort } from "./free-port.ts";
import { endLater } from "./left-running.ts";
import { needs } from "./needs.ts";

/** A program that stands between clients and the server. */
export interface ProxyKind {
  readonly name: string;
  /** Undefined if it is not installed. */
  readonly program: string | undefined;
  /** The text of the configuration file. */
  configure(at: { port: number; backend: string; dir: string }): string;
  /** Arguments with which it stays in the foreground. */
  arguments(configFile: string, dir: string): string[];
}

/**
 * Debian's nginx as installed, every buffer and timeout at its default, with the lines in the server's block that everybody
 * copies for WebSocket: `Connection: upgrade` also goes out with requests that want no upgrade.
 */
export const nginx: ProxyKind = {
  name: "nginx",
  program: needs("nginx"),
  configure: ({ port, backend, dir }) => `
daemon off;
worker_processes 1;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log;
events { worker_connections 768; }
http {
  sendfile on;
  tcp_nopush on;
  types_hash_max_size 2048;
  default_type application/octet-stream;
  gzip on;
  access_log ${dir}/access.log;
  client_body_temp_path ${dir}/body;
  proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi;
  scgi_temp_path ${dir}/scgi;
  uwsgi_temp_path ${dir}/uwsgi;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://${backend};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}
`,
  arguments: (configFile, dir) => ["-c", configFile, "-p", dir, "-e", `${dir}/error.log`],
};

/** Debian's haproxy as installed: mode http and its three timeouts, with the line that adds the client's address. */
export const haproxy: ProxyKind = {
  name: "haproxy",
  program: needs("haproxy"),
  configure: ({ port, backend }) => `
defaults
  mode http
  timeout connect 5000
  timeout client 50000
  timeout server 50000
  option forwardfor

frontend clients
  bind 127.0.0.1:${port}
  default_backend parley

backend parley
  server one ${backend}
`,
  arguments: (configFile) => ["-db", "-f", configFile],
};

/** A real proxy on a free port of this machine, with its files in a folder that is removed with it. */
export class ReverseProxy {
  readonly url: string;
  readonly #dir: string;
  readonly #process: Bun.Subprocess;
  readonly #ended = endLater(() => this.stop());

  private constructor(port: number, dir: string, process: Bun.Subprocess) {
    this.url = `http://127.0.0.1:${port}`;
    this.#dir = dir;
    this.#process = process;
  }

  /** Resolves when it accepts connections. @param serverUrl the server that it stands in front of */
  static async start(kind: ProxyKind, serverUrl: string): Promise<ReverseProxy> {
    if (!kind.program) throw new Error(`${kind.name} is not installed`);
    const dir = mkdtempSync(join(tmpdir(), `parley-${kind.name}-`));
    // nginx's workers run as another user if root starts it.
    chmodSync(dir, 0o755);
    const port = lastingPort();
    const configFile = join(dir, "proxy.conf");
    writeFileSync(configFile, kind.configure({ port, backend: new URL(serverUrl).host, dir }));
    const command = [kind.program, ...kind.arguments(configFile, dir)];
    const process = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    const proxy = new ReverseProxy(port, dir, process);
    try {
      await proxy.#listens(port);
      return proxy;
    } catch (error) {
      await proxy.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#ended();
    this.#process.kill("SIGTERM");
    await this.#process.exited;
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #listens(port: number): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (!(await accepts(port))) {
      if (this.#process.exitCode !== null || performance.now() > deadline) {
        const said = await new Response(this.#process.stderr as ReadableStream).text();
        throw new Error(`the proxy does not listen; it said: ${said}`);
      }
      await delay(10);
    }
  }
}

function accepts(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, "127.0.0.1");
  socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
