import { longPoll, shortPoll } from "./polling.ts";
import type { Transport } from "./reader.ts";
import { sse } from "./sse.ts";
import { websocket } from "./websocket.ts";

export const TRANSPORTS: readonly Transport[] = [websocket, sse, longPoll, shortPoll];
