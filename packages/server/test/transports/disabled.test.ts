import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { openUserAccounts } from "../../src/cli/user-accounts.ts";
import { PASSWORD, say } from "../harness.ts";
import { Stage, texts } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

let stage: Stage;
let operator: Awaited<ReturnType<typeof openUserAccounts>>;
beforeAll(async () => {
  stage = await Stage.open();
  operator = await openUserAccounts(stage.server);
}, 30_000);
afterAll(async () => {
  await operator.close();
  await stage.close();
});

/** Disables an account as an operator does, beside the server, which checks the log's end twice a second; here it checks at once. */
async function disable(name: string): Promise<void> {
  await operator.disable(name);
  await stage.server.storage.announcer.catchUpWithLog();
}

/** A close code, an end that follows ERROR without a code, or the status of the next answer. */
const ENDS = { websocket: 4003, sse: 0, "long-poll": 403, "short-poll": 403 };

for (const transport of TRANSPORTS) {
  describe(transport.name, () => {
    test("ID-43: a disabled account's readers end, and get nothing more; enabled again they go on", async () => {
      const person = await stage.person();
      const room = await stage.room([person]);
      const reader = await stage.read(transport, {}, person);
      await say(stage.ann, room, "before");
      await reader.until((frames) => texts({ frames }, room).includes("before"), "what was said before");
      await disable(person.name);
      await reader.until(() => reader.ended !== undefined, "its end");
      expect(reader.ended).toBe(ENDS[transport.name]);
      await say(stage.ann, room, "after");
      expect(texts(reader, room)).toEqual(["before"]);
      const told = reader.frames.some(
        ({ type, data }) => type === Push.ERROR && (data as { code: string }).code === "account_disabled",
      );
      expect(told).toBe(!transport.name.endsWith("poll"));
      expect(await person.api.call("GET", "/me")).toMatchObject({ status: 403, body: { code: "account_disabled" } });
      const signIn = (password: string) =>
        stage.server.api.call<{ code: string }>("POST", "/logins", { name: person.name, password });
      expect((await signIn(PASSWORD)).body.code).toBe("account_disabled");
      expect((await signIn("a wrong password")).body.code).toBe("unauthorized");
      await operator.enable(person.name);
      const again = await stage.read(transport, {}, person);
      await say(stage.ann, room, "enabled");
      await again.until((frames) => texts({ frames }, room).includes("enabled"), "what was said once enabled");
    });
  });
}

test("ID-43: a disabled account opens no new reader", async () => {
  const person = await stage.person();
  await disable(person.name);
  const live = await stage.server.connect({ token: person.token });
  expect((await live.ended()).code).toBe(4003);
  expect(live.frames.map(({ type, data }) => [type, (data as { code?: string }).code])).toEqual([
    [Push.ERROR, "account_disabled"],
  ]);
  for (const transport of TRANSPORTS.filter(({ name }) => name !== "websocket")) {
    const refused = await stage.read(transport, {}, person).catch((error: unknown) => error);
    expect(refused).toMatchObject({ status: 403, code: "account_disabled" });
  }
});
