import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { forgetLogin, onLoginElsewhere, readLogin, saveLogin, storageArea } from "./stored-login.ts";

const KEY = "parley.login";
const ANN = { token: "pl_1", uid: 20_001, name: "Ann", power: 0 as const };
const page = globalThis as { localStorage?: unknown; window?: unknown };

/** A browser's storage, which another window may change too. */
class Storage {
  readonly items = new Map<string, string>();
  getItem = (key: string) => this.items.get(key) ?? null;
  setItem = (key: string, value: string) => void this.items.set(key, value);
  removeItem = (key: string) => void this.items.delete(key);
}

let storage: Storage;
beforeEach(() => {
  storage = new Storage();
  page.localStorage = storage;
});
afterEach(() => {
  forgetLogin();
  delete page.localStorage;
  delete page.window;
});

describe("where the browser keeps what a page stores", () => {
  test("a login is kept with what the page needs of it, and nothing else", () => {
    saveLogin({ ...ANN, avatar: "a", email: "e" } as never);
    expect(JSON.parse(storage.items.get(KEY) ?? "")).toEqual(ANN);
    expect(readLogin()).toEqual(ANN);
    forgetLogin();
    expect([readLogin(), storage.items.size]).toEqual([undefined, 0]);
  });

  test("what another window took away is gone here too, though it was saved here", () => {
    saveLogin(ANN);
    storage.items.clear();
    expect(readLogin()).toBeUndefined();
  });

  test("what another window saved counts, not what was saved here before", () => {
    saveLogin(ANN);
    storage.items.set(KEY, JSON.stringify({ ...ANN, token: "pl_2" }));
    expect(readLogin()?.token).toBe("pl_2");
  });

  test.each(["", "{", "null", "5", '"pl_1"', "{}", '{"token":5}', "[]"])("%p is nobody's login", (text) => {
    storage.items.set(KEY, text);
    expect(readLogin()).toBeUndefined();
  });
});

describe("where the browser keeps nothing", () => {
  const refuse = () => {
    throw new Error("access denied");
  };

  test.each([
    ["there is no storage", () => delete page.localStorage],
    [
      "the storage is full",
      () => {
        storage.setItem = refuse;
      },
    ],
    [
      "each access is refused",
      () => {
        page.localStorage = { getItem: refuse, setItem: refuse, removeItem: refuse };
      },
    ],
  ])("a login lives as long as the page: %s", (_, take) => {
    take();
    saveLogin(ANN);
    expect(readLogin()).toEqual(ANN);
    forgetLogin();
    expect(readLogin()).toBeUndefined();
  });

  test("what was kept for a while counts no more once the browser keeps it", () => {
    const { setItem } = storage;
    storage.setItem = refuse;
    saveLogin(ANN);
    storage.setItem = setItem;
    saveLogin({ ...ANN, token: "pl_2" });
    storage.items.clear();
    expect(readLogin()).toBeUndefined();
  });

  test("there is no area to keep messages in", () => {
    expect(storageArea()).toBe(storage as never);
    delete page.localStorage;
    Object.defineProperty(page, "localStorage", { get: refuse, configurable: true });
    expect(storageArea()).toBeUndefined();
  });
});

test("the page hears of a login that another window changed or cleared away, and of nothing else", () => {
  let hear: (event: { key: string | null }) => void = () => {};
  const addEventListener = (name: string, handler: typeof hear) => {
    if (name === "storage") hear = handler;
  };
  page.window = { addEventListener };
  let heard = 0;
  onLoginElsewhere(() => void heard++);
  hear({ key: KEY });
  expect(heard).toBe(1);
  hear({ key: null });
  expect(heard).toBe(2);
  hear({ key: "another" });
  expect(heard).toBe(2);
});
