import { Push } from "@parley/protocol";
import { PASSWORD, type Person } from "../harness.ts";
import type { Case, Play, Scene } from "./scene.ts";

/** Commands about accounts, as far as others or one's other devices see them. Names are sent once a second, so they alternate. */
export const accountCases: readonly Case[] = [
  changed({ name: "Ann Other" }),
  {
    command: "DELETE /logins/{id}",
    title: "one device is signed out, from another one",
    play: async (scene) => {
      const [dan, phone] = await withPhone(scene);
      const { items } = await phone.api.ok<{ items: { id: number; current: boolean }[] }>("GET", "/logins");
      const login = items.find(({ current }) => current)?.id;
      return { watchers: [dan, phone, scene.ben], act: () => dan.api.ok("DELETE", `/logins/${login}`) };
    },
  },
  {
    command: "DELETE /logins/current",
    title: "a device signs itself out",
    play: async (scene) => {
      const [dan, phone] = await withPhone(scene);
      return { watchers: [dan, phone, scene.ben], act: () => phone.api.ok("DELETE", "/logins/current") };
    },
  },
  {
    command: "DELETE /logins",
    title: "all devices are signed out",
    play: async (scene) => {
      const [dan, phone] = await withPhone(scene);
      return { watchers: [dan, phone, scene.ben], act: () => phone.api.ok("DELETE", "/logins") };
    },
  },
  {
    command: "PUT /me/password",
    title: "a new password signs the other devices out",
    play: async (scene) => {
      const [dan, phone] = await withPhone(scene);
      const body = { password: PASSWORD, newPassword: "another long password", endOtherLogins: true };
      return { watchers: [dan, phone, scene.ben], act: () => dan.api.ok("PUT", "/me/password", body) };
    },
  },
  changed({ name: "ann", avatar: "/ann.png" }),
  {
    command: "POST /accounts",
    title: "somebody new: one more in the hall, which is not told",
    play: (scene) => ({ act: () => scene.someone() }),
  },
  {
    command: "DELETE /me",
    title: "a deleted person stays in their rooms without a name; their devices are signed out",
    play: async (scene) => {
      const dan = await scene.someone();
      const [room, phone] = [await scene.room([scene.ben, dan]), await scene.device(dan)];
      await dan.api.ok("POST", "/rooms/direct", { userId: scene.ann.uid });
      const { id } = await scene.say(dan, room, "farewell");
      await scene.say(scene.ben, room, "farewell", { replyTo: id });
      const play = told([scene.annsPhone, scene.ben], dan, () => dan.api.ok("DELETE", "/me", { password: PASSWORD }));
      return { ...play, watchers: [scene.annsPhone, scene.ben, scene.cai, phone] };
    },
  },
];

function changed(changes: object): Case {
  return {
    command: "PATCH /me",
    title: `changes of ${Object.keys(changes).join(" and ")}: of members, direct rooms and quotations`,
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      const direct = await scene.ben.api.ok<{ id: number }>("POST", "/rooms/direct", { userId: scene.ann.uid });
      const { id } = await scene.say(scene.ann, room, "mark my words");
      await scene.say(scene.ben, room, "marked", { replyTo: id });
      await scene.say(scene.ben, direct.id, "marked");
      return told([scene.annsPhone, scene.ben, scene.cai], scene.ann, () => scene.ann.api.ok("PATCH", "/me", changes));
    },
  };
}

async function withPhone(scene: Scene): Promise<[Person, Person]> {
  const dan = await scene.someone();
  await scene.room([dan]);
  return [dan, await scene.device(dan)];
}

/** Names come in frames that are not logged, which the reply does not wait for. */
function told(watchers: readonly Person[], { uid }: Person, act: () => Promise<unknown>): Play {
  return { act, late: { watchers, is: ({ type, data }) => type === Push.USER && data.uid === uid } };
}
