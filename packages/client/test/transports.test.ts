import { describe, expect, test } from "bun:test";
import { roomStream } from "@parley/protocol";
import { say } from "../../server/test/harness.ts";
import { range } from "../../server/test/transports/stage.ts";
import type { TransportName } from "../src/connection/transports/transport.ts";
import { ServerRig } from "./rig/rig.ts";

const NAMES: readonly TransportName[] = ["websocket", "sse", "long-poll", "short-poll"];

describe.each(NAMES)("by %s", (transport) => {
  const rig = new ServerRig();
  const open = (more: object = {}) => rig.open({ transports: [transport], ...more });

  test("SDK-1: each event comes once, in the order of its stream, live and after a stop", async () => {
    const room = await rig.stage.room();
    const first = open();
    await first.live(transport);
    for (const text of ["one", "two", "three"]) await say(rig.stage.ann, room, text);
    await first.said(room, "three");
    first.client.stop();
    for (const text of ["four", "five"]) await say(rig.stage.ann, room, text);
    first.client.start();
    await first.said(room, "five");
    await say(rig.stage.ann, room, "six");
    await first.said(room, "six");
    expect(first.texts(room)).toEqual(["one", "two", "three", "four", "five", "six"]);
    const seqs = first.seqs(roomStream(room));
    expect(seqs).toEqual(range(seqs[0] as number, seqs.at(-1) as number));
  });

  test("SDK-2: a stored cursor goes on exactly behind what the handlers have had", async () => {
    const room = await rig.stage.room();
    const first = open();
    await first.live();
    await say(rig.stage.ann, room, "had");
    await first.said(room, "had");
    const { cursor } = first.client;
    first.client.stop();
    await say(rig.stage.ann, room, "missed");
    const second = open({ cursor });
    await second.live();
    await say(rig.stage.ann, room, "new");
    await second.said(room, "new");
    expect(second.texts(room)).toEqual(["missed", "new"]);
  });

  test("SDK-3: a handler that throws keeps nothing from the others; a cursor moves on after the handlers", async () => {
    const room = await rig.stage.room();
    const errors: unknown[] = [];
    const watched = open({ onError: (error: unknown) => errors.push(error) });
    await watched.live();
    const before: (string | undefined)[] = [];
    watched.client.on("message", () => {
      before.push(watched.client.cursor);
      throw new Error("of the product");
    });
    const seen: string[] = [];
    const end = watched.client.on("message", ({ message }, { stream, seq }) => {
      const content = typeof message.body === "object" && "content" in message.body ? message.body.content : "";
      seen.push(`${stream} ${message.seq === seq} ${content}`);
    });
    await say(rig.stage.ann, room, "one");
    await watched.said(room, "one");
    expect(before[0]).not.toContain(`${roomStream(room)}@`);
    const { cursor } = watched.client;
    watched.client.stop();
    end();
    expect(seen).toEqual([`${roomStream(room)} true one`]);
    expect(errors.map(String)).toEqual(["Error: of the product"]);
    const again = open({ cursor });
    await again.live();
    await say(rig.stage.ann, room, "two");
    await again.said(room, "two");
    expect(again.texts(room)).toEqual(["two"]);
  });

  test("SDK-4: a login that is revoked stops the client", async () => {
    const person = await rig.stage.person();
    const watched = open({ token: person.token });
    await watched.live();
    await person.api.ok("DELETE", "/logins");
    const stopped = await watched.was("stopped");
    expect(stopped.why).toBe("revoked");
    expect(watched.client.state).toEqual({ kind: "stopped", why: "revoked" });
  });
});
