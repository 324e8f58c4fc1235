import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { withDeadline } from "../../src/lib/interval.ts";
import { ApiClient } from "../api-client.ts";
import type { Person } from "../harness.ts";
import type { LiveClient } from "../live-client.ts";
import { TestNodes } from "../nodes-rig.ts";

/** A deadline, for slow machines. */
setDefaultTimeout(30_000);

let nodes: TestNodes;
let phone: Person;
beforeAll(async () => {
  nodes = await TestNodes.start(2);
  phone = nodes.on(1, await nodes.person("ann"));
}, 30_000);
afterAll(() => nodes[Symbol.asyncDispose](), 30_000);

const act = (code: string, what: "scan" | "confirm" | "reject") => phone.api.ok("POST", `/qr-logins/${code}/${what}`);
const soon = <T>(promise: Promise<T>) =>
  withDeadline(promise, 15_000, "no answer before the request has waited for all of its time");

async function codeOf(screen: LiveClient, count = 1): Promise<string> {
  await screen.until(() => screen.of(Push.LOGIN_URL).length >= count, `LOGIN_URL number ${count}`);
  return new URL(screen.of(Push.LOGIN_URL)[count - 1]?.data.loginUrl).pathname.split("/").at(-1) as string;
}

async function screenWithCode(): Promise<{ screen: LiveClient; code: string }> {
  const screen = await nodes.at(0).connect();
  screen.send({ type: Command.LOGIN });
  return { screen, code: await codeOf(screen) };
}

describe("a code that another node's phone scans", () => {
  test("NODE-5: signs the connection in", async () => {
    const { screen, code } = await screenWithCode();
    await act(code, "scan");
    await screen.frame(Push.LOGIN_SCAN_SUCCESS);
    await act(code, "confirm");
    const { data } = await screen.frame(Push.LOGIN_SUCCESS);
    expect(data).toMatchObject({ uid: phone.uid, name: "ann" });
    await screen.frame(Push.RED_DOT);
    // Its token holds on the other node, where it has never been seen.
    expect(await new ApiClient(nodes.at(1).url, data.token).ok("GET", "/me")).toMatchObject({ uid: phone.uid });
  });

  test("NODE-5: is replaced on the connection when the phone rejects it", async () => {
    const { screen, code } = await screenWithCode();
    await act(code, "scan");
    await act(code, "reject");
    expect(await codeOf(screen, 2)).not.toBe(code);
  });

  test("NODE-5: answers the waiting request, on whichever node it waits, and hands the token out once", async () => {
    const [a, b] = [nodes.at(0).api, nodes.at(1).api];
    const { code, secret } = await a.ok<{ code: string; secret: string }>("POST", "/qr-logins");
    type Answer = { body: { state: string; token?: string } };
    const poll = (api: ApiClient) =>
      api.call("GET", `/qr-logins/${code}?wait=30`, undefined, { "X-QR-Secret": secret }) as Promise<Answer>;
    const first = poll(a);
    await act(code, "scan");
    expect((await soon(first)).body).toEqual({ state: "scanned" });
    // The other node has answered nothing yet, so it says at once what there is.
    expect((await soon(poll(b))).body).toEqual({ state: "scanned" });
    const waiting = [poll(a), poll(b), poll(a), poll(b)];
    await act(code, "confirm");
    const answers = (await soon(Promise.all(waiting))).map(({ body }) => body);
    expect(answers.filter(({ token }) => token !== undefined)).toHaveLength(1);
    expect(answers.map(({ state }) => state).sort()).toEqual(["confirmed", "expired", "expired", "expired"]);
  });

  test("NODE-5: is taken once, whichever node the phones ask", async () => {
    const other = await nodes.person("ben");
    const { code } = await nodes.at(0).api.ok<{ code: string }>("POST", "/qr-logins");
    const statuses = await Promise.all(
      [phone, other].map(async ({ api }) => (await api.call("POST", `/qr-logins/${code}/scan`)).status),
    );
    expect(statuses.sort()).toEqual([200, 409]);
  });
});
