import { HALL_ROOM_ID, Push } from "@parley/protocol";
import { range } from "../transports/stage.ts";
import { PAGE } from "./client-state.ts";
import type { Case, Scene } from "./scene.ts";

/** Commands about messages, and about how far they are read. */
export const messageCases: readonly Case[] = [
  {
    command: "POST /rooms/{id}/messages",
    title: "a text, to members and to who has just left",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      return {
        act: async () => {
          await scene.remove(room, scene.cai);
          await scene.say(scene.ann, room, "hello\n\t👋");
        },
      };
    },
  },
  {
    command: "POST /rooms/{id}/messages",
    title: "an answer, which says that all before it is read",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      const { id } = await scene.say(scene.ben, room, "who is there?");
      await scene.say(scene.cai, room, "cai");
      const mentions = [scene.ben.uid, scene.cai.uid];
      return { act: () => scene.say(scene.ann, room, "ann", { replyTo: id, mentions }) };
    },
  },
  {
    command: "POST /rooms/{id}/messages",
    title: "to everybody, from the owner",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      return { act: () => scene.say(scene.ann, room, "lunch!", { mentions: "all" }) };
    },
  },
  {
    command: "POST /rooms/{id}/messages",
    title: "that only its sender may see, with others around it and answers to both kinds",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      await scene.say(scene.ben, room, "unread");
      return {
        act: async () => {
          const hidden = await scene.sayHidden(scene.ann, room, "hidden");
          const { id } = await scene.say(scene.ben, room, "heard");
          await scene.sayHidden(scene.ann, room, "more", { replyTo: id });
          await scene.sayHidden(scene.ann, room, "and more", { replyTo: hidden.id });
        },
      };
    },
  },
  {
    command: "DELETE /messages/{id}",
    title: "a message that only its sender may see",
    play: async (scene) => {
      const room = await scene.room([scene.ben]);
      const { id } = await scene.sayHidden(scene.ann, room, "hidden");
      await scene.sayHidden(scene.ann, room, "an answer", { replyTo: id });
      return { act: () => scene.ann.api.ok("DELETE", `/messages/${id}`) };
    },
  },
  {
    command: "POST /rooms/{id}/messages",
    title: "of the product's own, quoted by a text",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      const own = { type: 100, body: { kind: "poll", text: "Tea?", data: { votes: [] } }, mentions: [scene.ben.uid] };
      return {
        act: async () => {
          const { id } = await scene.say(scene.ann, room, "", own);
          await scene.say(scene.ben, room, "yes", { replyTo: id });
        },
      };
    },
  },
  {
    command: "POST /rooms/{id}/messages",
    title: "the same again",
    play: async (scene) => {
      const room = await scene.room();
      return {
        act: async () => {
          const clientId = "once";
          for (const _ of range(1, 2)) await scene.say(scene.ann, room, "once", { clientId });
        },
      };
    },
  },
  {
    command: "POST /rooms/{id}/messages",
    title: "more than a page, of two people at once",
    play: async (scene) => {
      const room = await scene.room();
      const texts = range(1, PAGE / 2 + 5).map(String);
      const of = (person: Scene["ann"]) => Promise.all(texts.map((text) => scene.say(person, room, text)));
      return { act: () => Promise.all([of(scene.ann), of(scene.ben)]) };
    },
  },
  {
    command: "POST /rooms/{id}/messages",
    title: "in the hall",
    play: (scene) => ({ act: () => scene.say(scene.ben, HALL_ROOM_ID, "hello, everybody") }),
  },
  {
    command: "DELETE /messages/{id}",
    title: "the newest message, unread: it keeps its dot",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      const { id } = await scene.say(scene.ann, room, "oh no");
      return { act: () => scene.ann.api.ok("DELETE", `/messages/${id}`) };
    },
  },
  {
    command: "DELETE /messages/{id}",
    title: "a message that is quoted by the newest one",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      const { id } = await scene.say(scene.ann, room, "oh no");
      await scene.say(scene.ben, room, "what?", { replyTo: id });
      return { act: () => scene.ann.api.ok("DELETE", `/messages/${id}`) };
    },
  },
  {
    command: "DELETE /messages/{id}",
    title: "by an administrator who is not in the room, and of an answer",
    play: async (scene) => {
      const room = await scene.room([scene.ben, scene.cai]);
      const { id } = await scene.say(scene.ann, room, "a question");
      const answer = await scene.say(scene.ben, room, "rude", { replyTo: id });
      await scene.say(scene.cai, room, "well", { replyTo: answer.id });
      const watchers = [scene.annsPhone, scene.ben, scene.cai, scene.root];
      return { watchers, act: () => scene.root.api.ok("DELETE", `/messages/${answer.id}`) };
    },
  },
  {
    command: "DELETE /messages/{id}",
    title: "in the hall, sent and taken back",
    play: (scene) => ({
      act: async () => {
        const { id } = await scene.say(scene.ann, HALL_ROOM_ID, "oh no");
        await scene.ann.api.ok("DELETE", `/messages/${id}`);
      },
    }),
  },
  ...[
    { title: "some of what is unread", upTo: [3] },
    { title: "everything, and more than there is", upTo: [99] },
    { title: "backwards: nothing moves", upTo: [3, 2] },
  ].map(
    ({ title, upTo }): Case => ({
      command: "PUT /rooms/{id}/read",
      title,
      play: async (scene) => {
        const room = await scene.room();
        for (const text of ["a", "b", "c"]) await scene.say(scene.ben, room, text);
        return {
          act: async () => {
            for (const seq of upTo) await scene.ann.api.ok("PUT", `/rooms/${room}/read`, { seq });
          },
        };
      },
    }),
  ),
  {
    command: "PUT /rooms/{id}/read",
    title: "again within a second, with a message in between",
    play: async (scene) => {
      const room = await scene.room();
      for (const text of ["a", "b", "c"]) await scene.say(scene.ben, room, text);
      const read = (seq: number) => scene.ann.api.ok("PUT", `/rooms/${room}/read`, { seq });
      return {
        act: async () => {
          await read(2);
          await read(4);
          await scene.say(scene.ben, room, "d");
        },
        // Everything that comes within a second is announced together, later.
        late: {
          watchers: [scene.annsPhone],
          is: ({ type, data }) => type === Push.SELF && data.roomId === room && data.readSeq === 4,
        },
      };
    },
  },
  {
    command: "PUT /rooms/{id}/read",
    title: "in the hall",
    play: async (scene) => {
      const { seq } = await scene.say(scene.ben, HALL_ROOM_ID, "hello");
      return { act: () => scene.ann.api.ok("PUT", `/rooms/${HALL_ROOM_ID}/read`, { seq }) };
    },
  },
  {
    command: "POST /rooms/{id}/messages",
    title: "in a direct room",
    play: async (scene) => {
      const direct = await scene.ann.api.ok<{ id: number }>("POST", "/rooms/direct", { userId: scene.ben.uid });
      return { act: () => scene.say(scene.ben, direct.id, "hello, ann") };
    },
  },
];
