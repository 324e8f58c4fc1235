import { expect, test } from "bun:test";
import { People } from "./people.ts";

/** People whose server answers when the test says. */
function scene() {
  const asked: { ids: string; answer: PromiseWithResolvers<unknown> }[] = [];
  let changes = 0;
  const client = {
    request: (route: string, { query }: { query: { ids: string } }) => {
      expect(route).toBe("GET /users");
      const answer = Promise.withResolvers<unknown>();
      asked.push({ ids: query.ids, answer });
      return answer.promise;
    },
  };
  const people = new People(client as never, () => void changes++);
  return { people, asked, changes: () => changes };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const range = (from: number, count: number) => Array.from({ length: count }, (_, at) => from + at);

test("names are asked for once, many in one request, and said when they are there", async () => {
  const { people, asked, changes } = scene();
  for (const uid of [20_001, 20_002, 20_001]) expect(people.nameOf(uid)).toBeUndefined();
  expect(asked).toEqual([]);
  await settled();
  people.nameOf(20_002);
  await settled();
  expect(asked.map(({ ids }) => ids)).toEqual(["20001,20002"]);
  expect(changes()).toBe(0);
  asked[0]?.answer.resolve({ items: [{ uid: 20_001, name: "Ann" }] });
  await settled();
  expect([people.nameOf(20_001), people.nameOf(20_002), changes()]).toEqual(["Ann", undefined, 1]);
  await settled();
  expect(asked).toHaveLength(1);
});

test("no more than 100 are asked for in one request", async () => {
  const { people, asked } = scene();
  for (const uid of range(1, 201)) people.nameOf(uid);
  await settled();
  expect(asked.map(({ ids }) => ids.split(",").length)).toEqual([100, 100, 1]);
  expect(asked.flatMap(({ ids }) => ids.split(",").map(Number))).toEqual(range(1, 201));
});

test("a request that fails is made again when somebody wants to see the names, of nobody else", async () => {
  const { people, asked } = scene();
  people.nameOf(1);
  await settled();
  people.nameOf(2);
  await settled();
  asked[0]?.answer.reject(new Error("no connection"));
  await settled();
  expect(asked).toHaveLength(2);
  for (const uid of [1, 2]) people.nameOf(uid);
  await settled();
  expect(asked.map(({ ids }) => ids)).toEqual(["1", "2", "1"]);
  asked[2]?.answer.resolve({ items: [{ uid: 1, name: "Ann" }] });
  await settled();
  expect(people.nameOf(1)).toBe("Ann");
});

test("a name that is pushed is known at once, asks nobody, and takes the place of the older one", async () => {
  const { people, asked, changes } = scene();
  people.learn({ uid: 1, name: "Ann" });
  expect([people.nameOf(1), changes()]).toEqual(["Ann", 1]);
  people.learn({ uid: 1, name: "Anna" });
  expect([people.nameOf(1), changes()]).toEqual(["Anna", 2]);
  await settled();
  expect(asked).toEqual([]);
});
