import type { Person } from "../harness.ts";
import type { Case, Play, Scene } from "./scene.ts";

const ask = async ({ api }: Person, { uid }: Person, text = "") =>
  (await api.ok<{ id: number }>("POST", "/friend-requests", { userId: uid, text })).id;
const answer = ({ api }: Person, id: number, verb: "accept" | "reject") =>
  api.ok("POST", `/friend-requests/${id}/${verb}`);
const withdraw = ({ api }: Person, id: number) => api.ok("DELETE", `/friend-requests/${id}`);
const read = ({ api }: Person, upTo: number) => api.ok("PUT", "/friend-requests/read", { upTo });
const unfriend = ({ api }: Person, { uid }: Person) => api.ok("DELETE", `/friends/${uid}`);
const block = ({ api }: Person, { uid }: Person) => api.ok("PUT", `/blocks/${uid}`);
const unblock = ({ api }: Person, { uid }: Person) => api.ok("DELETE", `/blocks/${uid}`);
const call = ({ api }: Person, { uid }: Person, remark: string) => api.ok("PATCH", `/friends/${uid}`, { remark });

/** Two people whom no other case knows, each on a device that looks on. */
async function two(scene: Scene): Promise<{ eva: Person; fay: Person; watchers: Person[] }> {
  const [eva, fay] = [await scene.someone(), await scene.someone()];
  return { eva, fay, watchers: [await scene.device(eva), await scene.device(fay), scene.cai] };
}

async function friends(scene: Scene) {
  const { eva, fay, watchers } = await two(scene);
  await answer(fay, await ask(eva, fay), "accept");
  return { eva, fay, watchers };
}

type Pair = Awaited<ReturnType<typeof two>>;

function played(
  command: string,
  title: string,
  act: (pair: Pair) => Promise<unknown>,
  from: (scene: Scene) => Promise<Pair> = two,
): Case {
  const play = async (scene: Scene): Promise<Play> => {
    const pair = await from(scene);
    return { watchers: pair.watchers, act: () => act(pair) };
  };
  return { command, title, play };
}

/** Friend requests, friends and blocks: everything that both people see of them. */
export const contactCases: readonly Case[] = [
  played("POST /friend-requests", "asked, and again", async ({ eva, fay }) => {
    for (const text of ["hello", "hello?"]) await ask(eva, fay, text);
  }),
  played("POST /friend-requests", "the person who was asked asks, too, and both are friends", async ({ eva, fay }) => {
    await ask(eva, fay, "hello");
    await ask(fay, eva);
  }),
  played("POST /friend-requests/{id}/accept", "accepted, twice", async ({ eva, fay }) => {
    const id = await ask(eva, fay);
    for (const _ of [1, 2]) await answer(fay, id, "accept");
  }),
  {
    command: "POST /friend-requests/{id}/accept",
    title: "people who have a direct room already, and one of whom writes then",
    play: async (scene) => {
      const { eva, fay, watchers } = await two(scene);
      const { id: room } = await eva.api.ok<{ id: number }>("POST", "/rooms/direct", { userId: fay.uid });
      const id = await ask(eva, fay);
      const act = async () => {
        await answer(fay, id, "accept");
        await scene.say(fay, room, "friends");
      };
      return { watchers, act };
    },
  },
  played("POST /friend-requests/{id}/reject", "rejected, and then the other one asks", async ({ eva, fay }) => {
    await answer(fay, await ask(eva, fay), "reject");
    await ask(fay, eva);
  }),
  played("DELETE /friend-requests/{id}", "withdrawn, made again and accepted", async ({ eva, fay }) => {
    await withdraw(eva, await ask(eva, fay));
    await answer(fay, await ask(eva, fay), "accept");
  }),
  {
    command: "PUT /friend-requests/read",
    title: "some are read, one of those and one that was not are answered",
    play: async (scene) => {
      const { eva, fay, watchers } = await two(scene);
      const [first, second] = [await ask(eva, fay), await ask(scene.ben, fay)];
      const act = async () => {
        await read(fay, second);
        const third = await ask(scene.cai, fay);
        await answer(fay, first, "reject");
        await answer(fay, third, "reject");
        await withdraw(scene.ben, second);
      };
      return { watchers, act };
    },
  },
  played(
    "PATCH /friends/{uid}",
    "remarks, one of them empty again",
    async ({ eva, fay }) => {
      for (const remark of ["Fay-Fay", "Fay", "Fay"]) await call(eva, fay, remark);
      for (const remark of ["Eva!", ""]) await call(fay, eva, remark);
    },
    friends,
  ),
  played(
    "DELETE /friends/{uid}",
    "friends no more, and friends again",
    async ({ eva, fay }) => {
      await unfriend(eva, fay);
      await answer(eva, await ask(fay, eva), "accept");
      await unfriend(fay, eva);
    },
    friends,
  ),
  played("PUT /blocks/{uid}", "somebody who has asked, and who asks again", async ({ eva, fay }) => {
    await ask(fay, eva, "please");
    await block(eva, fay);
    await ask(fay, eva, "please!");
    for (const _ of [1, 2]) await block(eva, fay);
  }),
  played("DELETE /blocks/{uid}", "whose request comes when it is made again, and is accepted", async ({ eva, fay }) => {
    await block(eva, fay);
    const id = await ask(fay, eva);
    await unblock(eva, fay);
    await ask(fay, eva);
    await answer(eva, id, "accept");
  }),
  played("DELETE /blocks/{uid}", "whom the other one asks, though their request never came", async ({ eva, fay }) => {
    await block(eva, fay);
    await ask(fay, eva);
    await unblock(eva, fay);
    await ask(eva, fay);
  }),
  played("DELETE /friend-requests/{id}", "a request that the other person never saw", async ({ eva, fay }) => {
    await block(eva, fay);
    await withdraw(fay, await ask(fay, eva));
  }),
  {
    command: "PUT /blocks/{uid}",
    title: "somebody who goes on writing, marking and reading in the direct room, during the block and after it",
    play: async (scene) => {
      const { eva, fay, watchers } = await friends(scene);
      const { id: room } = await eva.api.ok<{ id: number }>("POST", "/rooms/direct", { userId: fay.uid });
      const { id } = await scene.say(eva, room, "before");
      const like = ({ api }: Person) => api.ok("PUT", `/messages/${id}/marks/like`);
      const dislike = ({ api }: Person) => api.ok("PUT", `/messages/${id}/marks/dislike`);
      const act = async () => {
        await like(fay);
        await block(eva, fay);
        await dislike(fay);
        await scene.say(fay, room, "hidden");
        await unblock(eva, fay);
        await scene.say(eva, room, "after");
        await like(eva);
      };
      return { watchers, act };
    },
  },
  {
    command: "PUT /blocks/{uid}",
    title: "somebody who then brings the other into a group and a direct room, until others write there",
    play: async (scene) => {
      const { eva, fay, watchers } = await two(scene);
      await block(eva, fay);
      const act = async () => {
        const memberIds = [eva.uid, scene.cai.uid];
        const { id: group } = await fay.api.ok<{ id: number }>("POST", "/rooms", { name: "a trap", memberIds });
        const { id: direct } = await fay.api.ok<{ id: number }>("POST", "/rooms/direct", { userId: eva.uid });
        for (const room of [group, direct]) await scene.say(fay, room, "hidden, or not");
        await scene.say(scene.cai, group, "hello, all");
        await scene.say(fay, group, "again");
        await unblock(eva, fay);
        await scene.say(fay, direct, "seen");
        await scene.say(eva, direct, "and answered");
        scene.later.push(() => fay.api.ok("DELETE", `/rooms/${group}`));
      };
      return { watchers, act };
    },
  },
];
