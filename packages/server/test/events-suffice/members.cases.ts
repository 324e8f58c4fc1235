import type { Case, Scene } from "./scene.ts";

/** Commands about who is in a room, and in which role. */
export const memberCases: readonly Case[] = [
  ...(["all", "joined"] as const).map(
    (history): Case => ({
      command: "POST /rooms/{id}/members",
      title: `a newcomer; the room shows ${history} of its history`,
      play: async (scene) => {
        const room = await scene.room([scene.ben], { history });
        await scene.say(scene.ben, room, "before");
        return { act: () => scene.add(room, scene.cai) };
      },
    }),
  ),
  {
    command: "POST /rooms/{id}/members",
    title: "several at once, whom the members do not know, and one who is in",
    play: async (scene) => {
      const room = await scene.room();
      const strangers = await Promise.all([scene.someone(), scene.someone()]);
      const watchers = [scene.annsPhone, scene.ben, scene.cai, ...strangers];
      return { watchers, act: () => scene.add(room, scene.cai, scene.ben, ...strangers) };
    },
  },
  {
    command: "POST /rooms/{id}/members",
    title: "everybody is in already",
    play: async (scene) => {
      const room = await scene.room();
      return { act: () => scene.add(room, scene.ben) };
    },
  },
  {
    command: "POST /rooms/{id}/members",
    title: "a newcomer comes into a busy room",
    play: async (scene) => {
      const { ann, ben, cai } = scene;
      const [room, other] = [await scene.room(), await scene.room([ben, cai])];
      return {
        act: async () => {
          const { id } = await scene.say(ben, room, "before");
          const adding = scene.add(room, cai);
          await Promise.all(["a", "b", "c", "d", "e"].map((text) => scene.say(ben, room, text)));
          await adding;
          const { seq } = await scene.say(cai, room, "hello");
          await scene.say(ann, other, "elsewhere");
          await Promise.all([scene.say(ben, room, "welcome", { replyTo: id }), scene.changed(room, { notice: "cai" })]);
          await read(scene.cai, room, seq + 1);
          await role(scene, { room, uid: cai.uid, role: 2 });
          await ben.api.ok("DELETE", `/messages/${id}`);
          await scene.say(ann, room, "after all");
        },
      };
    },
  },
  ...(["all", "joined"] as const).map(
    (history): Case => ({
      command: "POST /rooms/{id}/members",
      title: `a person who left comes back; the room shows ${history} of its history`,
      play: async (scene) => {
        const room = await scene.room([scene.ben, scene.cai], { history });
        await role(scene, { room, uid: scene.cai.uid, role: 2 });
        await scene.say(scene.ann, room, "before");
        await scene.remove(room, scene.cai);
        await scene.say(scene.ann, room, "between");
        return { act: () => scene.add(room, scene.cai) };
      },
    }),
  ),
  {
    command: "POST /rooms/{id}/members",
    title: "came, went and came again",
    play: async (scene) => {
      const room = await scene.room();
      return {
        act: async () => {
          for (const text of ["first", "second"]) {
            await scene.add(room, scene.cai);
            await scene.say(scene.ann, room, text);
            await scene.remove(room, scene.cai);
            await scene.say(scene.ann, room, "between");
          }
          await scene.add(room, scene.cai);
        },
      };
    },
  },
  {
    command: "DELETE /rooms/{id}/members/{uid}",
    title: "somebody is removed who had unread messages",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      await scene.say(scene.ann, room, "unread");
      return { act: () => scene.remove(room, scene.cai) };
    },
  },
  {
    command: "DELETE /rooms/{id}/members/{uid}",
    title: "somebody leaves",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      return { act: () => scene.remove(room, scene.cai, scene.cai) };
    },
  },
  {
    command: "DELETE /rooms/{id}/members/{uid}",
    title: "somebody comes in and is gone at once",
    play: async (scene) => {
      const room = await scene.room([scene.ben]);
      return {
        act: async () => {
          await scene.add(room, scene.cai);
          await scene.remove(room, scene.cai);
          await scene.say(scene.ann, room, "not for cai");
        },
      };
    },
  },
  {
    command: "PUT /rooms/{id}/members/{uid}/role",
    title: "a member becomes an admin",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      return { act: () => role(scene, { room, uid: scene.ben.uid, role: 2 }) };
    },
  },
  {
    command: "PUT /rooms/{id}/members/{uid}/role",
    title: "an admin becomes an ordinary member, and is that already",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      const change = { room, uid: scene.ben.uid };
      await role(scene, { ...change, role: 2 });
      return {
        act: async () => {
          await role(scene, { ...change, role: 3 });
          await role(scene, { ...change, role: 3 });
        },
      };
    },
  },
  ...[
    { title: "for an hour, then for good", until: [inAnHour(), null] },
    { title: "the same again", until: [inAnHour(), inAnHour()] },
  ].map(
    ({ title, until }): Case => ({
      command: "PUT /rooms/{id}/members/{uid}/mute",
      title,
      play: async (scene) => {
        const room = await scene.room([scene.ben, scene.cai]);
        return {
          act: async () => {
            for (const one of until) await mute(scene, room, one);
          },
        };
      },
    }),
  ),
  {
    command: "PUT /rooms/{id}/members/{uid}/mute",
    title: "of a member who leaves, comes back and becomes the owner",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      return {
        act: async () => {
          await mute(scene, room, null);
          await scene.remove(room, scene.ben);
          await scene.add(room, scene.ben);
          await scene.ann.api.ok("PUT", `/rooms/${room}/owner`, { uid: scene.ben.uid });
        },
      };
    },
  },
  {
    command: "DELETE /rooms/{id}/members/{uid}/mute",
    title: "a muted member may write again, and one who was not muted",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      await mute(scene, room, null);
      const unmute = ({ uid }: Scene["ann"]) => scene.ann.api.ok("DELETE", `/rooms/${room}/members/${uid}/mute`);
      return { act: async () => [await unmute(scene.ben), await unmute(scene.cai)] };
    },
  },
  {
    command: "PUT /rooms/{id}/owner",
    title: "a group is handed over to an admin",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      await role(scene, { room, uid: scene.ben.uid, role: 2 });
      return { act: () => scene.ann.api.ok("PUT", `/rooms/${room}/owner`, { uid: scene.ben.uid }) };
    },
  },
  {
    command: "PUT /rooms/{id}/owner",
    title: "a group is handed over to a newcomer, and its old owner leaves",
    play: async (scene) => {
      const room = await scene.room([scene.ben]);
      return {
        act: async () => {
          await scene.add(room, scene.cai);
          await scene.ann.api.ok("PUT", `/rooms/${room}/owner`, { uid: scene.cai.uid });
          await scene.remove(room, scene.ann, scene.ann);
        },
      };
    },
  },
];

function mute({ ann, ben }: Scene, room: number, until: number | null): Promise<unknown> {
  return ann.api.ok("PUT", `/rooms/${room}/members/${ben.uid}/mute`, { until });
}

function inAnHour(): number {
  return Date.now() + 3_600_000;
}

function role({ ann }: Scene, { room, uid, role }: { room: number; uid: number; role: 2 | 3 }): Promise<unknown> {
  return ann.api.ok("PUT", `/rooms/${room}/members/${uid}/role`, { role });
}

function read(person: Scene["ann"], room: number, seq: number): Promise<unknown> {
  return person.api.ok("PUT", `/rooms/${room}/read`, { seq });
}
