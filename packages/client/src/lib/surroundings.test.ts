import { afterEach, beforeEach, expect, test } from "bun:test";
import { platform } from "./surroundings.ts";

/** A page that a test shows and hides. */
class FakePage extends EventTarget {
  visibilityState = "visible";
}

const NAMES = ["document", "addEventListener", "removeEventListener"] as const;
const before = NAMES.map((name) => Object.getOwnPropertyDescriptor(globalThis, name));
let page: FakePage;
let window: EventTarget;
beforeEach(() => {
  page = new FakePage();
  window = new EventTarget();
  const fake = {
    document: page,
    addEventListener: window.addEventListener.bind(window),
    removeEventListener: window.removeEventListener.bind(window),
  };
  for (const name of NAMES) Object.defineProperty(globalThis, name, { value: fake[name], configurable: true });
});
afterEach(() => {
  NAMES.forEach((name, at) => {
    const was = before[at];
    if (was) Object.defineProperty(globalThis, name, was);
    else Reflect.deleteProperty(globalThis, name);
  });
});
const happen = () => {
  for (const name of ["online", "offline", "focus"]) window.dispatchEvent(new Event(name));
  page.dispatchEvent(new Event("visibilitychange"));
};

test("SDK-14, SDK-22: a page tells that the network is gone or back, and that a person looks, until nobody listens", () => {
  const told: string[] = [];
  const end = platform({}).onReturn((what) => told.push(what));
  happen();
  expect(told).toEqual(["online", "offline", "focus", "focus"]);
  end();
  happen();
  expect(told).toHaveLength(4);
});

test("SDK-22: nobody looks at a page that is hidden", () => {
  const told: string[] = [];
  const { onReturn, isVisible } = platform({});
  onReturn((what) => told.push(what));
  page.visibilityState = "hidden";
  happen();
  expect([told, isVisible()]).toEqual([["online", "offline"], false]);
  page.visibilityState = "visible";
  page.dispatchEvent(new Event("visibilitychange"));
  expect([told.at(-1), isVisible()]).toEqual(["focus", true]);
});

test("SDK-52: outside of a page nothing is listened to, and nobody looks", () => {
  Reflect.deleteProperty(globalThis, "document");
  const { isPage, isVisible, onReturn } = platform({});
  const told: string[] = [];
  onReturn((what) => told.push(what))();
  happen();
  expect([isPage, isVisible(), told]).toEqual([false, false, []]);
});
