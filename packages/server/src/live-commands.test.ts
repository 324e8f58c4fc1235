import { expect, test } from "bun:test";
import { Command, roomStream } from "@parley/protocol";
import type { Context } from "./context.ts";
import { Connection } from "./gateway/connection.ts";
import type { Wire } from "./gateway/wire.ts";
import { type LiveCommandParts, liveCommands } from "./live-commands.ts";

const ROOM = 7;
const ANN = {
  loginId: 1,
  uid: 20_000,
  power: 0,
  name: "ann",
  avatar: "",
  expiresAt: Number.POSITIVE_INFINITY,
} as const;
const ORIGIN = {
  id: "c",
  ip: "",
  userAgent: "",
  address: "",
  anonymous: false,
  resume: false,
  idleMs: 0,
  connectedAt: 0,
};

/** A live connection of ann, who types in a room of three; its members are counted when the test says so. */
function typing() {
  const topics = new Set<string>([roomStream(ROOM)]);
  const connection = new Connection(ORIGIN);
  connection.opened({ isSubscribed: (topic: string) => topics.has(topic) } as Wire);
  connection.state = { kind: "live", login: ANN };
  const told: string[] = [];
  const counted = Promise.withResolvers<number>();
  const table = new Map(
    liveCommands({
      context: {
        rates: { typing: { tryTake: () => true } },
        liveFrames: { publish: (streams: readonly string[]) => void told.push(...streams) },
      } as unknown as Context,
      memberCountOf: () => counted.promise,
    } as unknown as LiveCommandParts),
  );
  const done = table.get(Command.TYPING)?.(connection, { roomId: ROOM });
  const count = () => {
    counted.resolve(3);
    return done;
  };
  return { connection, topics, told, count };
}

test("GW-61: somebody who types is told to the room", async () => {
  const { told, count } = typing();
  await count();
  expect(told).toEqual([roomStream(ROOM)]);
});

test("GW-62: nobody is told of somebody who has left the room, or was cut off, while its members were counted", async () => {
  const [left, gone] = [typing(), typing()];
  left.topics.clear();
  gone.connection.ended();
  await Promise.all([left.count(), gone.count()]);
  expect([...left.told, ...gone.told]).toEqual([]);
});
