import { expect, spyOn, test } from "bun:test";
import type { ClientState } from "./connection/client-state.ts";
import { Warnings } from "./warnings.ts";

const error = { status: 401, code: "wrong_password", message: "The name or the password is wrong" };
const offline: ClientState = { kind: "waiting", until: 5, why: "offline" };

function rig() {
  const said: string[] = [];
  return { said, warnings: new Warnings("https://x", (text) => said.push(text)) };
}

test.each<[ClientState, string]>([
  [{ kind: "stopped", why: "revoked" }, "the client has stopped, revoked: sign in and start it again"],
  [{ kind: "stopped", why: "banned" }, "the client has stopped, banned"],
  [{ kind: "stopped", why: "disabled" }, "the client has stopped, disabled"],
  [{ kind: "stopped", why: "replaced" }, "the client has stopped, replaced"],
  [
    { kind: "stopped", why: "sign-in-refused", error },
    "the client has stopped, sign-in-refused: wrong_password (The name or the password is wrong)",
  ],
  [
    {
      kind: "waiting",
      until: 5,
      why: "refused",
      error: { status: 404, code: "unknown", message: "The server answered 404" },
    },
    "https://x refuses: unknown (The server answered 404)",
  ],
  [offline, "https://x does not answer"],
])("SDK-110: what would be silence is said: %j", (state, text) => {
  const { said, warnings } = rig();
  warnings.state(state);
  expect(said).toEqual([text]);
});

test.each<ClientState>([
  { kind: "stopped", why: "asked" },
  { kind: "stopped", why: "not-started" },
  { kind: "connecting", transport: "sse" },
  { kind: "live", transport: "sse" },
  { kind: "waiting", until: 5, why: "busy" },
  { kind: "waiting", until: 5, why: "restart" },
])("SDK-110: nothing is said of what is in order: %j", (state) => {
  const { said, warnings } = rig();
  warnings.state(state);
  expect(said).toEqual([]);
});

test("SDK-110: each thing is said once, and again after the client was live", () => {
  const { said, warnings } = rig();
  for (let time = 0; time < 3; time++) warnings.state(offline);
  expect(said).toHaveLength(1);
  warnings.state({ kind: "live", transport: "sse" });
  warnings.state(offline);
  expect(said).toHaveLength(2);
});

test("SDK-110: a warning goes to the console unless the program takes it, and one that the program fails at harms nothing", () => {
  using warn = spyOn(console, "warn").mockImplementation(() => {});
  using complain = spyOn(console, "error").mockImplementation(() => {});
  new Warnings("https://x").say("hello");
  expect(warn.mock.calls).toEqual([["parley: hello"]]);
  const failing = new Warnings("https://x", () => {
    throw new Error("no");
  });
  failing.say("hello");
  expect(complain).toHaveBeenCalledTimes(1);
});
