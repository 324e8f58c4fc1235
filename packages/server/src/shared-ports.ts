import type { Config } from "./config/config.ts";
import type { Stop } from "./lib/interval.ts";
import { ListenFailed } from "./listen-failed.ts";

/** Ports that the workers of one supervisor share. */
export interface SharedPorts {
  readonly port: number;
  readonly wsPort: number | undefined;
  readonly release: Stop;
}

/**
 * Takes the ports for the workers to come. A port with SO_REUSEPORT is open to every program of the same user that asks for it in the same
 * way, and the kernel then gives each of them a part of the connections. Two things keep a second server from getting such a part unnoticed:
 *
 * - The port is opened without SO_REUSEPORT first, which the kernel refuses while anything listens there, and closed again. It cannot stay
 *   open: the kernel refuses the workers' sockets beside a listening one that does not share.
 * - A name in the kernel's abstract namespace is held for as long as the supervisor lives. It covers the moments in which no worker
 *   listens: between that look and the first worker, and after all of them have died together.
 *
 * @throws ListenFailed
 */
export async function takePorts({ host, port, wsPort }: Config["listen"]): Promise<SharedPorts> {
  const main = await takePort({ host, port, variable: "PORT" });
  if (wsPort === undefined) return { port: main.port, wsPort, release: main.release };
  try {
    const second = await takePort({ host, port: wsPort, variable: "WS_PORT" });
    return {
      port: main.port,
      wsPort: second.port,
      release: () => {
        main.release();
        second.release();
      },
    };
  } catch (error) {
    main.release();
    throw error;
  }
}

async function takePort(at: { host: string; port: number; variable: "PORT" | "WS_PORT" }) {
  try {
    const listener = Bun.serve({ hostname: at.host, port: at.port, fetch: () => new Response() });
    const port = listener.port as number;
    await listener.stop(true);
    const name = Bun.listen({ unix: `\0parley ${at.host} ${port}`, socket: { data: () => {} } });
    return { port, release: () => name.stop(true) };
  } catch (error) {
    throw new ListenFailed(error, at);
  }
}
