import { describe, expect, test } from "bun:test";
import { ServerRig } from "./rig/rig.ts";

describe("marks", () => {
  const rig = new ServerRig();

  test("SDK-44, IM-81: a message is liked and disliked by a call each, and handlers are told by `mark`", async () => {
    const room = await rig.stage.room();
    const watched = rig.open();
    await watched.live();
    const { client } = watched;
    const told: unknown[] = [];
    client.on("mark", ({ markList }, { stream }) => {
      told.push([stream, ...markList.map(({ markType, markCount, actType }) => [markType, markCount, actType])]);
    });
    const { message } = await client.send(room, "hello");
    expect(await client.mark(message.id, "like")).toMatchObject({ likeCount: 1, userLike: 1 });
    expect(await client.mark(message.id, "dislike")).toMatchObject({ likeCount: 0, dislikeCount: 1, userDislike: 1 });
    expect(await client.unmark(message.id, "dislike")).toMatchObject({ dislikeCount: 0, userDislike: 0 });
    await watched.until(() => told.length === 3, "three events");
    const stream = `room:${room}`;
    expect(told).toEqual([
      [stream, [1, 1, 1]],
      [stream, [1, 0, 2], [2, 1, 1]],
      [stream, [2, 0, 2]],
    ]);
  });
});
