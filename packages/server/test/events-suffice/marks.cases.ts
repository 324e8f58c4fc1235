import { HALL_ROOM_ID } from "@parley/protocol";
import type { Person } from "../harness.ts";
import type { Case, Scene } from "./scene.ts";

const PUT = "PUT /messages/{id}/marks/{mark}";
const DELETE = "DELETE /messages/{id}/marks/{mark}";

const like = ({ api }: Person, id: number) => api.ok("PUT", `/messages/${id}/marks/like`);
const dislike = ({ api }: Person, id: number) => api.ok("PUT", `/messages/${id}/marks/dislike`);

/** A message in a room of all three. */
async function said(scene: Scene): Promise<{ room: number; id: number }> {
  const room = await scene.room([scene.ben, scene.cai]);
  return { room, id: (await scene.say(scene.ben, room, "what do you think?")).id };
}

/** Likes and dislikes: counts for everybody, and each person's own marks. */
export const markCases: readonly Case[] = [
  {
    command: PUT,
    title: "likes and dislikes of several people, one of whom changes their mind",
    play: async (scene) => {
      const { id } = await said(scene);
      return {
        act: async () => {
          await like(scene.ann, id);
          await dislike(scene.ben, id);
          await like(scene.cai, id);
          await dislike(scene.ann, id);
        },
      };
    },
  },
  {
    command: PUT,
    title: "the same again, and a message that is written meanwhile",
    play: async (scene) => {
      const { room } = await said(scene);
      return {
        act: async () => {
          const { id } = await scene.say(scene.cai, room, "and this?");
          for (const _ of [1, 2]) await like(scene.ann, id);
          await like(scene.ben, id);
        },
      };
    },
  },
  {
    command: PUT,
    title: "in the hall, and of a message that is recalled then",
    play: async (scene) => ({
      act: async () => {
        const { id } = await scene.say(scene.ann, HALL_ROOM_ID, "hello");
        await like(scene.ann, id);
        await dislike(scene.ben, id);
        await scene.ann.api.ok("DELETE", `/messages/${id}`);
      },
    }),
  },
  {
    command: PUT,
    title: "of a message that only its sender may see",
    play: async (scene) => {
      const room = await scene.room([scene.ben]);
      const { id } = await scene.sayHidden(scene.ann, room, "hidden");
      return { act: () => like(scene.ann, id) };
    },
  },
  {
    command: PUT,
    title: "of a message from before a newcomer's window, and one who comes meanwhile",
    play: async (scene) => {
      const room = await scene.room([scene.ben]);
      const { id } = await scene.say(scene.ann, room, "before");
      await scene.changed(room, { history: "joined" });
      return {
        act: async () => {
          await like(scene.ben, id);
          await scene.add(room, scene.cai);
          await dislike(scene.ben, id);
          const later = await scene.say(scene.ann, room, "welcome");
          await like(scene.cai, later.id);
        },
      };
    },
  },
  {
    command: DELETE,
    title: "the user's mark, and one that is not there",
    play: async (scene) => {
      const { id } = await said(scene);
      for (const person of [scene.ann, scene.ben]) await like(person, id);
      return {
        act: async () => {
          await scene.ann.api.ok("DELETE", `/messages/${id}/marks/like`);
          await scene.cai.api.ok("DELETE", `/messages/${id}/marks/like`);
          await scene.ben.api.ok("DELETE", `/messages/${id}/marks/dislike`);
        },
      };
    },
  },
];
