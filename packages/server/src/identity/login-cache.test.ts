import { expect, test } from "bun:test";
import { LoginCache } from "./login-cache.ts";

const login = (loginId: number, until = 1000) => ({
  signedIn: { loginId, uid: 20_000 + loginId, power: 0 as const, name: "", avatar: "", expiresAt: until },
  until,
});

test("of more logins than it may hold, the one that was unused for longest goes", () => {
  const cache = new LoginCache(3);
  for (const id of [1, 2, 3]) cache.set(`hash ${id}`, login(id));
  expect(cache.get("hash 1", 0)?.loginId).toBe(1);
  cache.set("hash 4", login(4));
  expect([1, 2, 3, 4].map((id) => cache.get(`hash ${id}`, 0)?.loginId)).toEqual([1, undefined, 3, 4]);
  expect(cache.size).toBe(3);
});

test("of logins that have left memory nothing stays, however many they were", () => {
  const cache = new LoginCache(10);
  const heapBytes = () => {
    Bun.gc(true);
    return process.memoryUsage().heapUsed;
  };
  const before = heapBytes();
  for (let id = 0; id < 200_000; id++) cache.set(`hash ${id}`, login(id));
  // A tenth of what a number and a text of each would take.
  expect(heapBytes() - before).toBeLessThan(2_000_000);
  // Used once more, so that it has not been collected by then.
  expect(cache.size).toBe(10);
}, 20_000);

test("ID-9: at its end a login is no longer believed, and not a moment earlier", () => {
  const cache = new LoginCache(3);
  cache.set("hash", login(1, 1000));
  expect(cache.get("hash", 999)?.loginId).toBe(1);
  expect(cache.get("hash", 1000)).toBeUndefined();
  expect(cache.size).toBe(0);
});
