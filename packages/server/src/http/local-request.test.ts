import { expect, test } from "bun:test";
import { isFromThisMachine } from "./local-request.ts";

test("HTTP-11: a request is from this machine when it comes from loopback without a sign of a proxy", () => {
  const from = (ip: string, headers: Record<string, string> = {}) => isFromThisMachine(ip, new Headers(headers));
  expect([from("127.0.0.1"), from("::1"), from("127.9.9.9")]).toEqual([true, true, true]);
  expect([from("10.0.0.1"), from("203.0.113.9")]).toEqual([false, false]);
  const signs = ["Via", "Forwarded", "X-Forwarded-For", "X-Real-IP", "X-Forwarded-Proto", "X-Forwarded-Host"];
  signs.push("X-Forwarded-Port", "X-Client-IP");
  for (const name of signs) expect([name, from("127.0.0.1", { [name]: "x" })]).toEqual([name, false]);
});
