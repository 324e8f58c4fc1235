import { HALL_ROOM_ID } from "@parley/protocol";
import type { Person } from "../harness.ts";
import type { Case, Scene } from "./scene.ts";

const PUT = "PUT /admin/bans/users/{uid}";
const DELETE = "DELETE /admin/bans/users/{uid}";

const ban = ({ root }: Scene, { uid }: Person) => root.api.ok("PUT", `/admin/bans/users/${uid}`);
const unban = ({ root }: Scene, { uid }: Person) => root.api.ok("DELETE", `/admin/bans/users/${uid}`);

/** Somebody who has said something in ann's room and in the hall, and was answered; the last word in the room is theirs. */
async function spammer(scene: Scene): Promise<{ person: Person; room: number; id: number }> {
  const person = await scene.someone();
  const room = await scene.room([scene.ben, person]);
  const { id } = await scene.say(person, room, "buy this");
  await scene.say(scene.ann, room, "no", { replyTo: id });
  await scene.say(person, room, "buy that");
  await scene.say(person, HALL_ROOM_ID, "buy all of it");
  return { person, room, id };
}

/** Bans of people: what they wrote is hidden, and then shown again. */
export const banCases: readonly Case[] = [
  {
    command: PUT,
    title: "of somebody whose messages are shown, quoted, and the newest of their rooms",
    play: async (scene) => {
      const { person } = await spammer(scene);
      scene.later.push(() => unban(scene, person));
      return { act: () => ban(scene, person) };
    },
  },
  {
    command: PUT,
    title: "before and after it others write, answer a hidden message, and an administrator recalls one",
    play: async (scene) => {
      const { person, room, id } = await spammer(scene);
      scene.later.push(() => unban(scene, person));
      return {
        act: async () => {
          const { id: other } = await scene.say(person, room, "and this");
          await ban(scene, person);
          await scene.say(scene.ben, room, "what was it?", { replyTo: id });
          await scene.root.api.ok("DELETE", `/messages/${other}`);
          await scene.add(room, scene.cai);
        },
      };
    },
  },
  {
    command: DELETE,
    title: "their messages are there again",
    play: async (scene) => {
      const { person, room, id } = await spammer(scene);
      await ban(scene, person);
      await scene.say(scene.ben, room, "what was it?", { replyTo: id });
      return { act: () => unban(scene, person) };
    },
  },
  {
    command: DELETE,
    title: "after a ban that others have seen begin",
    play: async (scene) => {
      const { person, room } = await spammer(scene);
      return {
        act: async () => {
          await ban(scene, person);
          await scene.say(scene.ann, room, "quiet at last");
          await unban(scene, person);
          await scene.say(person, room, "hello again");
        },
      };
    },
  },
];
