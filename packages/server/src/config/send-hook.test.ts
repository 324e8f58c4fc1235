import { expect, test } from "bun:test";
import { ConfigError, loadConfig } from "./config.ts";

const SECRET = Buffer.from("a secret of at least 24 bytes").toString("base64");
const ENV = { SEND_HOOK_URL: "http://10.0.0.7:3000/before-send", SEND_HOOK_SECRET: SECRET };

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

test("HOOK-34: an address and a secret, with or without its prefix; private addresses are good", () => {
  const { config, entries } = loadConfig(ENV);
  expect(config.sendHook).toEqual({ url: ENV.SEND_HOOK_URL, fail: "open" });
  expect(config.secrets.sendHook).toBe(`whsec_${SECRET}`);
  expect(loadConfig({ ...ENV, SEND_HOOK_SECRET: `whsec_${SECRET}` }).config.secrets.sendHook).toBe(`whsec_${SECRET}`);
  expect(loadConfig({ ...ENV, SEND_HOOK_FAIL: "closed" }).config.sendHook?.fail).toBe("closed");
  expect(JSON.stringify(entries)).not.toContain(SECRET);
  expect(loadConfig({}).config.sendHook).toBeUndefined();
});

test.each<[Record<string, string>, string]>([
  [{ SEND_HOOK_URL: ENV.SEND_HOOK_URL }, "SEND_HOOK_SECRET is not set, wanted the secret"],
  [{ SEND_HOOK_SECRET: SECRET }, "SEND_HOOK_URL is not set, wanted the address that SEND_HOOK_SECRET is for"],
  [{ SEND_HOOK_FAIL: "closed" }, "SEND_HOOK_URL is not set, wanted the address that SEND_HOOK_FAIL is for"],
  [{ ...ENV, SEND_HOOK_URL: "ftp://shop.example" }, 'SEND_HOOK_URL is "ftp://shop.example", wanted an http or https'],
  [{ ...ENV, SEND_HOOK_URL: "http://a:b@shop.example" }, "without a name or password"],
  [{ ...ENV, SEND_HOOK_SECRET: btoa("too short") }, "SEND_HOOK_SECRET is set (hidden), wanted 24 to 64 bytes"],
  [{ ...ENV, SEND_HOOK_SECRET: "not base64, but long enough for that" }, "wanted 24 to 64 bytes in base64"],
  [{ ...ENV, SEND_HOOK_FAIL: "ajar" }, 'SEND_HOOK_FAIL is "ajar", wanted one of: open, closed'],
])("HOOK-34: %j is named with what is wrong", (env, problem) => {
  expect(problemsOf(env).join("\n")).toContain(problem);
});
