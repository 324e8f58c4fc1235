import { Push } from "@parley/protocol";
import type { Person } from "../harness.ts";
import type { Case, Play, Scene } from "./scene.ts";

/** What the product's own backend does, as its people see it. */
export const productCases: readonly Case[] = [
  {
    command: "PUT /server/users/{user}",
    title: "the product renames one of its people",
    play: async (scene) => {
      const dan = await scene.someoneOfProduct();
      await scene.room([scene.ben, dan]);
      return told([dan, scene.ben], dan, () =>
        scene.door.ok("PUT", `/users/${dan.name}`, { name: "Dan", avatar: "/d.png" }),
      );
    },
  },
  {
    command: "POST /server/users",
    title: "the product makes and renames people",
    play: async (scene) => {
      const dan = await scene.someoneOfProduct();
      await scene.room([scene.ben, dan]);
      const items = [{ externalId: "nobody knows me" }, { externalId: dan.name, name: "Daniel" }];
      return told([dan, scene.ben], dan, () => scene.door.ok("POST", "/users", { items }));
    },
  },
  {
    command: "DELETE /server/users/{user}",
    title: "the product deletes somebody who owns a group and is in another",
    play: async (scene) => {
      const dan = await scene.someoneOfProduct();
      const room = await scene.room([scene.ben, dan]);
      await scene.server.room(dan, [scene.ann, scene.ben]);
      await scene.say(dan, room, "farewell");
      const play = told([scene.annsPhone, scene.ben], dan, () => scene.door.ok("DELETE", `/users/${dan.name}`));
      return { ...play, watchers: [scene.annsPhone, scene.ben, scene.cai, dan] };
    },
  },
  {
    command: "DELETE /server/users/{user}/logins",
    title: "the product signs somebody out",
    play: async (scene) => {
      const dan = await scene.someoneOfProduct();
      await scene.room([scene.ben, dan]);
      return { watchers: [dan, scene.ben], act: () => scene.door.ok("DELETE", `/users/${dan.name}/logins`) };
    },
  },
  {
    command: "PUT /server/rooms/{room}",
    title: "the product changes a managed room",
    play: async (scene) => {
      const path = await managed(scene, scene.ann, scene.ben);
      return { act: () => scene.door.ok("PUT", path, { name: "changed", notice: "now", history: "joined" }) };
    },
  },
  {
    command: "DELETE /server/rooms/{room}",
    title: "the product dissolves a managed room",
    play: async (scene) => {
      const path = await managed(scene, scene.ann, scene.ben);
      return { act: () => scene.door.ok("DELETE", path) };
    },
  },
  {
    command: "POST /server/rooms/{room}/members",
    title: "the product brings people in and takes others out",
    play: async (scene) => {
      const dan = await scene.someoneOfProduct();
      const path = await managed(scene, scene.ann, scene.ben);
      const change = { add: [scene.cai.uid, dan.name], remove: [scene.ben.uid] };
      return {
        watchers: [scene.annsPhone, scene.ben, scene.cai, dan],
        act: () => scene.door.ok("POST", `${path}/members`, change),
      };
    },
  },
  {
    command: "POST /server/rooms/{room}/members",
    title: "the product takes several people out of a group of theirs",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      const remove = [scene.ben.uid, scene.cai.uid];
      return { act: () => scene.door.ok("POST", `/rooms/~${room}/members`, { remove }) };
    },
  },
  {
    command: "POST /server/messages",
    title: "the product sends a list of messages, in a room of its own, a group and a direct room that is new",
    play: async (scene) => {
      const [dan, room] = [await scene.someoneOfProduct(), await scene.room([scene.ben])];
      await managed(scene, scene.ann, scene.ben);
      const base = { type: 1, body: { content: "from the product" } };
      const items = [
        { ...base, room: `managed-${made - 1}`, clientId: crypto.randomUUID(), mentions: [scene.ben.uid] },
        { ...base, room, clientId: crypto.randomUUID(), from: scene.ann.uid },
        { ...base, direct: [dan.name, scene.ben.uid], clientId: crypto.randomUUID(), from: dan.name },
      ];
      return { watchers: [scene.annsPhone, scene.ben, dan], act: () => scene.door.ok("POST", "/messages", { items }) };
    },
  },
];

let made = 0;
/** A managed room with some people; returns its path. The next case ends it. */
async function managed({ door, later }: Scene, ...people: readonly Person[]): Promise<string> {
  const path = `/rooms/managed-${made++}`;
  await door.ok("PUT", path, {});
  await door.ok("POST", `${path}/members`, { add: people.map(({ uid }) => uid) });
  later.push(() => door.ok("DELETE", path));
  return path;
}

/** Names come in frames that are not logged, which the reply does not wait for. */
function told(watchers: readonly Person[], { uid }: Person, act: () => Promise<unknown>): Play {
  return { act, watchers, late: { watchers, is: ({ type, data }) => type === Push.USER && data.uid === uid } };
}
