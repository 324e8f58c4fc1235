import { expect, test } from "bun:test";
import { holdOffConnections, portState, stateIn } from "./listen-queue.ts";

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:0000001F 00:00000000 00000000     0        0 485 1 00000000313722a1 100 0 0 10 0
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 486 1 000000003d6db8a9 100 0 0 10 0
   2: 0100007F:1F90 0100007F:98A8 03 00000000:00000000 01:000016BE 00000000     0        0 0 3 00000000f7fd6d98
   3: 0100007F:1F90 0100007F:98A9 01 00000000:00000005 00:00000000 00000000     0        0 487 3 00000000f7fd6d98
   4: 0100007F:11F9 00000000:0000 0A 00000000:00000007 00:00000000 00000000     0        0 488 1 00000000313722a1 100 0 0 10 0
`;

test("PROC-7: what nobody has accepted waits on a port, and so do handshakes that are not complete", () => {
  expect(stateIn(TABLE, 0x1f90)).toEqual({ waiting: 32, listeners: ["485", "486"] });
  expect(stateIn(TABLE, 0x11f9)).toEqual({ waiting: 7, listeners: ["488"] });
  expect(stateIn(TABLE, 0xf90)).toEqual({ waiting: 0, listeners: [] });
  expect(stateIn("", 80)).toEqual({ waiting: 0, listeners: [] });
});

test.each(["127.0.0.1", "::"])(
  "PROC-7: new connections to %s are held off, and those that are there are served",
  async (hostname) => {
    const server = Bun.serve({ hostname, port: 0, fetch: () => new Response("here") });
    try {
      const port = server.port as number;
      const ask = (options: RequestInit = {}) => fetch(`http://127.0.0.1:${port}/`, options);
      const got = Promise.withResolvers<string>();
      const early = await Bun.connect({
        hostname: "127.0.0.1",
        port,
        socket: { data: (_, data) => got.resolve(data.toString()) },
      });
      expect(portState(port).listeners.length).toBe(1);
      expect(holdOffConnections(port)).toBe(true);
      early.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      expect(await got.promise).toContain("here");
      const late = await ask({ signal: AbortSignal.timeout(400) }).catch((error: Error) => error.name);
      expect(late).toBe("TimeoutError");
      expect(portState(port).waiting).toBe(0);
      early.end();
    } finally {
      await server.stop(true);
    }
  },
);

test("a port of nobody is not held off", () => {
  expect(holdOffConnections(1)).toBe(false);
});
