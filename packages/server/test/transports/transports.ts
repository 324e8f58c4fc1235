import { longPoll, shortPoll } from "./polling.ts";
import type { Transport } from "./reader.ts";
import { sse } from "./sse.ts";
import { websocket } from "./websocket.ts";

/** The same transport, to a server behind another address. */
export function through(url: string, transport: Transport): Transport {
  return { name: transport.name, open: (_, person, start) => transport.open(url, person, start) };
}

export const TRANSPORTS: readonly Transport[] = [websocket, sse, longPoll, shortPoll];
