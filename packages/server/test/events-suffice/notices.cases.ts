import type { Person } from "../harness.ts";
import type { Case, Scene } from "./scene.ts";

const NOTICE = { kind: "approval", title: "A request", text: "Three days off" };

let made = 0;
/** A matter that no other case has. */
const newKey = () => `matter-${made++}`;

async function notify({ door }: Scene, people: readonly Person[] | "all", more: object = {}): Promise<number> {
  const to = people === "all" ? { all: true } : { users: people.map(({ uid }) => uid) };
  return (await door.ok<{ id: number }>("POST", "/notifications", { ...NOTICE, to, ...more })).id;
}

/** Notifications to ann and ben: what the product does with them, and what ann does, which affects nobody else. */
export const noticeCases: readonly Case[] = [
  {
    command: "POST /server/notifications",
    title: "to people, to everybody, one in place of another, and one that expires",
    play: (scene) => ({
      act: async () => {
        const collapseKey = newKey();
        await notify(scene, [scene.ann, scene.ben], { link: "/requests/7", data: { request: 7 } });
        await notify(scene, "all", { title: "Tonight", text: "We are away from ten to eleven." });
        await notify(scene, [scene.ann, scene.ben], { collapseKey });
        await notify(scene, [scene.ann, scene.cai], { collapseKey, ttl: 3600 });
        await notify(scene, "all", { collapseKey });
        await notify(scene, "all", { collapseKey });
      },
    }),
  },
  {
    command: "PATCH /server/notifications/{id}",
    title: "of one that ann has read, of one that she has archived, and of everybody's",
    play: async (scene) => {
      const people = [scene.ann, scene.ben];
      const [first, second] = [await notify(scene, people), await notify(scene, people, { link: "/a" })];
      const third = await notify(scene, "all");
      await scene.ann.api.ok("PUT", "/notifications/read", { ids: [first] });
      await scene.ann.api.ok("PUT", "/notifications/archive", { ids: [second, third] });
      return {
        act: async () => {
          await scene.door.ok("PATCH", `/notifications/${first}`, { title: "Granted", data: { by: "ben" } });
          await scene.door.ok("PATCH", `/notifications/${second}`, { done: true, link: null });
          await scene.door.ok("PATCH", `/notifications/${third}`, { done: true });
          await scene.door.ok("PATCH", `/notifications/${third}`, { text: "Not yet", done: false });
        },
      };
    },
  },
  {
    command: "PUT /server/notifications/{kind}/{key}/done",
    title: "of a matter of which ann and ben have one each, and another one is of everybody's",
    play: async (scene) => {
      const key = newKey();
      for (const person of [scene.ann, scene.ben]) await notify(scene, [person], { key });
      await notify(scene, "all", { key });
      return { act: () => scene.door.ok("PUT", `/notifications/approval/${key}/done`) };
    },
  },
  {
    command: "DELETE /server/notifications/{kind}/{key}",
    title: "of a matter that ann has seen and ben has not",
    play: async (scene) => {
      const key = newKey();
      const id = await notify(scene, [scene.ann, scene.ben], { key });
      await notify(scene, "all", { key });
      await scene.ann.api.ok("PUT", "/notifications/seen", { upTo: id });
      return { act: () => scene.door.ok("DELETE", `/notifications/approval/${key}`) };
    },
  },
  {
    command: "PUT /notifications/seen",
    title: "up to one of them, twice, and a further one",
    play: async (scene) => {
      const first = await notify(scene, [scene.ann]);
      await notify(scene, "all");
      const see = (upTo: number) => scene.ann.api.ok("PUT", "/notifications/seen", { upTo });
      return {
        act: async () => {
          await see(first);
          await see(first);
          await see(await notify(scene, [scene.ann, scene.ben]));
        },
      };
    },
  },
  {
    command: "PUT /notifications/read",
    title: "some by their ids, then all up to one",
    play: async (scene) => {
      const ids = [await notify(scene, [scene.ann]), await notify(scene, "all"), await notify(scene, [scene.ben])];
      const last = await notify(scene, [scene.ann]);
      await notify(scene, [scene.ann]);
      return {
        act: async () => {
          await scene.ann.api.ok("PUT", "/notifications/read", { ids });
          await scene.ann.api.ok("PUT", "/notifications/read", { upTo: last });
        },
      };
    },
  },
  {
    command: "PUT /notifications/archive",
    title: "her own and everybody's, and one that comes meanwhile",
    play: async (scene) => {
      const ids = [await notify(scene, [scene.ann]), await notify(scene, "all")];
      return {
        act: async () => {
          await scene.ann.api.ok("PUT", "/notifications/archive", { ids });
          const later = await notify(scene, [scene.ann]);
          await scene.ann.api.ok("PUT", "/notifications/archive", { ids: [...ids, later] });
        },
      };
    },
  },
  {
    command: "POST /server/events",
    title: "to people, to a room, to everybody, and to those only who are live",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      const event = { kind: "order.shipped", data: { order: 7 } };
      const push = (more: object) => scene.door.ok("POST", "/events", { ...event, ...more });
      return {
        act: async () => {
          await push({ to: { users: [scene.ann.uid, scene.ben.uid] } });
          await push({ to: { rooms: [room] }, collapseKey: "order-7" });
          await scene.say(scene.ann, room, "it has come");
          await push({ to: { rooms: [room] }, collapseKey: "order-7", ttl: 60 });
          await push({ to: { all: true } });
          await push({ to: { rooms: [room] }, log: false });
        },
      };
    },
  },
];
