export const GET = "GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
export const HANDSHAKE = `GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${btoa("0123456789abcdef")}\r\n\r\n`;

/**
 * How one connection of a client without a library ended: a status, `refused` before it was one, or `lost` without an answer.
 * @param onAsked called when the system has the connection and the request
 */
export function outcomeOf(url: string, request: string, onAsked = () => {}): Promise<string> {
  const { hostname, port } = new URL(url);
  const { promise, resolve } = Promise.withResolvers<string>();
  let got = "";
  const ended = () => resolve(/^HTTP\/1\.1 (\d+)/.exec(got)?.[1] ?? "lost");
  const socket = {
    open: (opened: Bun.Socket) => {
      opened.write(request);
      onAsked();
    },
    data: (opened: Bun.Socket, piece: Buffer) => {
      got += piece.toString("latin1");
      // A close frame follows what was accepted; the rest is of no interest.
      if (request === HANDSHAKE && got.includes("\r\n\r\n") && /101/.test(got.slice(0, 20))) {
        ended();
        opened.end();
      }
    },
    close: ended,
    error: () => {},
    connectError: () => resolve("refused"),
  };
  Bun.connect({ hostname, port: Number(port), socket }).catch(() => resolve("refused"));
  return promise;
}

export const count = (outcomes: readonly string[], wanted: string) => outcomes.filter((one) => one === wanted).length;
