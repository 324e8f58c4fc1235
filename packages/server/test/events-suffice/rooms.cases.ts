import { HALL_ROOM_ID } from "@parley/protocol";
import type { Case } from "./scene.ts";

/** Commands about rooms themselves. */
export const roomCases: readonly Case[] = [
  {
    command: "POST /rooms",
    title: "a group with members, who learn of it by their joining",
    play: ({ ann, ben, cai }) => ({
      act: () => ann.api.ok("POST", "/rooms", { name: "club", memberIds: [ben.uid, cai.uid] }),
    }),
  },
  {
    command: "POST /rooms",
    title: "a group of one, without a name",
    play: ({ ann }) => ({ act: () => ann.api.ok("POST", "/rooms", {}) }),
  },
  {
    command: "POST /rooms",
    title: "two groups one after the other, talked in at once: the list is in order",
    play: (scene) => ({
      act: async () => {
        const first = await scene.room();
        const second = await scene.room();
        await scene.say(scene.ann, first, "one");
        await scene.say(scene.ben, second, "two");
        await scene.say(scene.ben, first, "three");
      },
    }),
  },
  ...[
    { name: "another name" },
    { avatar: "/picture.png" },
    { notice: "be kind" },
    { muteAll: true },
    { history: "joined" },
    { name: "all", avatar: "", notice: "", muteAll: true, history: "joined" },
    {},
  ].map((changes): Case => {
    const fields = Object.keys(changes).join(", ") || "nothing";
    return {
      command: "PATCH /rooms/{id}",
      title: `changes of ${fields}`,
      play: async (scene) => {
        const room = await scene.room();
        return { act: () => scene.changed(room, changes) };
      },
    };
  }),
  {
    command: "PATCH /rooms/{id}",
    title: "an administrator changes the hall",
    play: ({ root, ben }) => ({
      watchers: [root, ben],
      act: () => root.api.ok("PATCH", `/rooms/${HALL_ROOM_ID}`, { notice: "welcome", name: "everybody" }),
    }),
  },
  {
    command: "PATCH /rooms/{id}",
    title: "people who left hear nothing of it, and see the room as it was",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      return {
        act: async () => {
          await scene.remove(room, scene.cai);
          await scene.changed(room, { name: "without cai", notice: "she must not read this" });
          await scene.say(scene.ann, room, "nor this");
        },
      };
    },
  },
  ...[{ pinned: true }, { muted: true }, { pinned: true, muted: false }, {}].map(
    (changes): Case => ({
      command: "PATCH /rooms/{id}/settings",
      title: `own settings: ${JSON.stringify(changes)}, and the same again`,
      play: async (scene) => {
        const room = await scene.room();
        const change = () => scene.ann.api.ok("PATCH", `/rooms/${room}/settings`, changes);
        return { act: async () => [await change(), await change()] };
      },
    }),
  ),
  {
    command: "PATCH /rooms/{id}/settings",
    title: "in the hall, and in a room that one leaves and comes back to",
    play: async (scene) => {
      const room = await scene.room([scene.ben]);
      await scene.ben.api.ok("PATCH", `/rooms/${room}/settings`, { muted: true });
      return {
        act: async () => {
          for (const pinned of [true, false, true]) {
            await scene.ben.api.ok("PATCH", `/rooms/${HALL_ROOM_ID}/settings`, { pinned });
          }
          await scene.ben.api.ok("PATCH", `/rooms/${room}/settings`, { pinned: true });
          await scene.remove(room, scene.ben);
          await scene.add(room, scene.ben);
        },
      };
    },
  },
  {
    command: "DELETE /rooms/{id}",
    title: "a room with unread messages ends; its members keep it",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      await scene.say(scene.ann, room, "the last word");
      return { act: () => scene.ann.api.ok("DELETE", `/rooms/${room}`) };
    },
  },
  {
    command: "DELETE /rooms/{id}",
    title: "a room ends that one left, and one joined just before",
    play: async (scene) => {
      const room = await scene.room([scene.ben]);
      return {
        act: async () => {
          await scene.remove(room, scene.ben);
          await scene.add(room, scene.cai);
          await scene.say(scene.ann, room, "too late");
          await scene.ann.api.ok("DELETE", `/rooms/${room}`);
        },
      };
    },
  },
  {
    command: "POST /rooms/direct",
    title: "the room of two people, made",
    play: ({ ann, ben }) => ({ act: () => ann.api.ok("POST", "/rooms/direct", { userId: ben.uid }) }),
  },
  {
    command: "POST /rooms/direct",
    title: "the room of two people, made and written in",
    play: (scene) => ({
      act: async () => {
        const { id } = await scene.ann.api.ok<{ id: number }>("POST", "/rooms/direct", { userId: scene.cai.uid });
        await scene.say(scene.ann, id, "hello");
      },
    }),
  },
  {
    command: "POST /rooms/direct",
    title: "the room of two people, there already",
    play: async ({ ann, ben }) => {
      await ann.api.ok("POST", "/rooms/direct", { userId: ben.uid });
      return { act: () => ben.api.ok("POST", "/rooms/direct", { userId: ann.uid }) };
    },
  },
];
