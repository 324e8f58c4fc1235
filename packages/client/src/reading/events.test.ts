import { expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { Emitter } from "./events.ts";
import type { PushFrame } from "./push-frame.ts";

function rig(onError: (error: unknown) => void = () => {}) {
  const emitter = new Emitter(onError);
  const got: unknown[] = [];
  return { emitter, got, keep: (what: unknown) => () => void got.push(what) };
}

test("SDK-3: a promise that rejects is told to onError, and a handler that throws keeps the next one", async () => {
  const errors: unknown[] = [];
  const { emitter, got, keep } = rig((error) => errors.push(error));
  const [thrown, rejected] = [new Error("thrown"), new Error("rejected")];
  emitter.on("x", () => {
    throw thrown;
  });
  emitter.on("x", () => Promise.reject(rejected));
  emitter.on("x", keep("last"));
  emitter.emit("x", 1);
  expect([got, errors]).toEqual([["last"], [thrown]]);
  await Promise.resolve();
  await Promise.resolve();
  expect(errors).toEqual([thrown, rejected]);
});

test("SDK-1: the same handler given twice is told twice, and each end is its own", () => {
  const { emitter, got, keep } = rig();
  const handler = keep("told");
  const end = emitter.on("x", handler);
  emitter.on("x", handler);
  emitter.emit("x", 1);
  expect(got).toHaveLength(2);
  end();
  end();
  emitter.emit("x", 1);
  expect(got).toHaveLength(3);
});

test("SDK-1: a handler that ends another one, or adds one, changes nothing about what is being told", () => {
  const { emitter, got, keep } = rig();
  let end = () => {};
  emitter.on("x", () => {
    end();
    emitter.on("x", keep("new"));
  });
  end = emitter.on("x", keep("second"));
  emitter.emit("x", 1);
  expect(got).toEqual(["second"]);
});

test("SDK-1: a push comes by its name with its place, and every push as `event`, one of an unknown type too", () => {
  const { emitter, got } = rig();
  emitter.on("recall", (data, place) => void got.push(["recall", data, place]));
  emitter.on("event", (push) => void got.push(push));
  const place = { stream: "room:7", seq: 3 };
  emitter.push({ type: Push.RECALL, data: { msgId: 1 }, ...place } as PushFrame);
  emitter.push({ type: 9_999, data: {} } as never);
  expect(got).toEqual([
    ["recall", { msgId: 1 }, place],
    { name: "recall", type: Push.RECALL, data: { msgId: 1 }, ...place },
    { name: undefined, type: 9_999, data: {}, stream: undefined, seq: undefined },
  ]);
});
