import { dirname, join } from "node:path";
import type { Benchmark } from "./benchmark.ts";
import { send, TEXT } from "./send.ts";
import { loadStores } from "./store-loads.ts";
import type { Store } from "./stores.ts";

/**
 * Writes of several kinds at once, as people make them: of each 80 requests 40 are messages, 32 are read places, and 8 are others, namely likes and
 * dislikes, a room pinned and no longer pinned, a new picture, and a new room. Batches of mixed kinds take more round trips than those of messages
 * alone, so this says what a database at the end of a network costs. The reference is the same on SQLite.
 */
export const writes: Benchmark = {
  name: "writes",
  about: "half messages, 40 % read places and 10 % other writes, at 64 and 256 in flight, on SQLite and PostgreSQL",
  run: (options) =>
    loadStores(
      {
        name: "writes",
        each: "write",
        requests: 10_000,
        warmUp: 40_000,
        wish: { people: PEOPLE, rooms: (uids) => Array.from({ length: ROOMS }, () => uids) },
        what: requestsFor,
      },
      options,
    ),
};

const PEOPLE = 64;
/** Everybody is in all of them. */
const ROOMS = 8;

/** Writes the requests to a file that the load program takes. */
async function requestsFor({ nodes, people, rooms, tokens }: Store): Promise<string> {
  const [[node], [person], [roomId]] = [nodes, people, rooms];
  if (!node || !person || roomId === undefined) throw new Error("nobody is there who could send");
  const first = { token: person.token, roomId, clientId: "first", content: TEXT };
  const { message } = (await send(node, first)) as { message: { id: number } };
  const others = [
    `PUT /api/v1/messages/${message.id}/marks/like`,
    `PATCH /api/v1/rooms/${rooms[1]}/settings {"pinned":true}`,
    `PATCH /api/v1/me {"avatar":"https://example.com/#.png"}`,
    `PUT /api/v1/messages/${message.id}/marks/dislike`,
    `PATCH /api/v1/rooms/${rooms[1]}/settings {"pinned":false}`,
    'POST /api/v1/rooms {"name":"#","memberIds":[]}',
    `PUT /api/v1/messages/${message.id}/marks/like`,
    `PUT /api/v1/messages/${message.id}/marks/dislike`,
  ];
  const lines = others.flatMap((other, group) => {
    const roomId = rooms[group % rooms.length];
    const message = `POST /api/v1/rooms/${roomId}/messages ${JSON.stringify({ clientId: "#", type: 1, body: { content: TEXT } })}`;
    // The room's newest, whatever number it has by then.
    const read = `PUT /api/v1/rooms/${roomId}/read {"seq":${Number.MAX_SAFE_INTEGER}}`;
    const pairs = Array.from({ length: 4 }, () => [message, read]).flat();
    return [...pairs, message, other];
  });
  const file = join(dirname(tokens), "requests");
  await Bun.write(file, `${lines.join("\n")}\n`);
  return `@${file}`;
}
