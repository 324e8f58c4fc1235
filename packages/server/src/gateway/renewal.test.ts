import { expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ManualClock } from "../lib/clock.ts";
import { ProblemError } from "../lib/problem.ts";
import { type ConnectedLogin, Connection } from "./connection.ts";
import { renewLogin } from "./renewal.ts";

const IP = "203.0.113.9";
const loginOf = (loginId: number, uid = 20_000): ConnectedLogin => {
  return { loginId, uid, power: 0, name: "ann", avatar: "", expiresAt: 9_000_000 };
};

/** A connection that is signed in by login 1, and what is sent to it; `logins` are found one after another. */
function rig(...logins: (ConnectedLogin | undefined)[]) {
  const sent: number[] = [];
  const counted: string[] = [];
  const origin = { id: "c", ip: IP, userAgent: "", address: "", anonymous: false, resume: false };
  const connection = new Connection({ ...origin, idleMs: 0, connectedAt: 0 });
  connection.opened({
    send: (text: string) => sent.push(JSON.parse(text).type),
    cork: (run: () => void) => run(),
  } as never);
  connection.state = { kind: "live", login: loginOf(1) };
  const renew = () =>
    renewLogin(connection, "token", {
      findLogin: async () => logins.shift(),
      clock: new ManualClock(),
      countBadToken: (ip) => {
        counted.push(ip);
        if (counted.length > 1) throw new ProblemError("rate_limited");
      },
    });
  return { connection, renew, sent, counted };
}

test("GW-9: a connection goes on with the login of the next token", async () => {
  const { connection, renew, sent, counted } = rig(loginOf(2), loginOf(2));
  expect(await renew()).toBe(true);
  expect([connection.login?.loginId, sent, counted]).toEqual([2, [Push.LOGIN_SUCCESS], []]);
});

test("GW-9, GW-45: a token that is not valid changes nothing, and is counted for its sender's address", async () => {
  const { connection, renew, counted } = rig(undefined, undefined);
  expect(renew()).rejects.toMatchObject({ code: "unauthorized" });
  expect(renew()).rejects.toMatchObject({ code: "rate_limited" });
  await Promise.resolve();
  expect([connection.login?.loginId, counted]).toEqual([1, [IP, IP]]);
});

test("ID-10: a login that ends while the connection takes it over ends the connection, too", async () => {
  const { renew, sent } = rig(loginOf(2), undefined);
  expect(await renew()).toBe(false);
  expect(sent).toEqual([]);
});

test("GW-9: somebody else's token changes nothing", async () => {
  const { connection, renew } = rig(loginOf(2, 20_001));
  await expect(renew()).rejects.toMatchObject({ code: "conflict" });
  expect(connection.login?.loginId).toBe(1);
});
