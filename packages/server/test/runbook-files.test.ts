import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { loadConfig } from "../src/config/config.ts";
import { delay } from "../src/lib/interval.ts";
import { TestServer } from "./harness.ts";
import { exchange, handshakeText } from "./raw-http.ts";
import { nginx, ReverseProxy } from "./reverse-proxy.ts";

/** Files that the runbook tells people to write. */
const ROOT = resolve(import.meta.dir, "../../..");
const runbook = readFileSync(join(ROOT, "docs/runbook.md"), "utf8");

/** Sections of a unit, each with its lines. */
function sectionsOf(text: string): Record<string, Record<string, string>> {
  const sections: Record<string, Record<string, string>> = {};
  let section: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const [, name] = /^\[(\w+)\]$/.exec(line) ?? [];
    if (name !== undefined) section = sections[name] = {};
    const [, key, value] = /^([A-Z]\w+)=(.+)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) section[key] = value;
  }
  return sections;
}

test("OBS-7: the unit for systemd is whole, and starts a program that is there with settings that there are", () => {
  const unit = sectionsOf(/```ini\n([\s\S]*?)```/.exec(runbook)?.[1] ?? "");
  expect(Object.keys(unit)).toEqual(["Unit", "Service", "Install"]);
  expect(unit.Install).toEqual({ WantedBy: "multi-user.target" });
  // It is started again for as long as the database is away.
  expect(unit.Unit?.StartLimitIntervalSec).toBe("0");
  const service = unit.Service ?? {};
  const env = Object.fromEntries((service.Environment ?? "").split(" ").map((one) => one.split("=")));
  expect(env.DATA_DIR).toBe(`/var/lib/${service.StateDirectory}`);
  const { config, warnings } = loadConfig(env);
  expect([config.data.dir, warnings]).toEqual([env.DATA_DIR, []]);
  const [node, program, ...args] = (service.ExecStart ?? "").split(" ");
  expect([node, args]).toEqual(["/usr/bin/node", ["serve"]]);
  expect(existsSync(join(ROOT, program as string))).toBe(true);
  expect(service).toMatchObject({ User: "parley", Restart: "on-failure", KillMode: "mixed", TimeoutStopSec: "30" });
  expect(runbook).toContain(`cd ${service.WorkingDirectory}\n`);
});

test.skipIf(!nginx.program)(
  "OBS-7: nginx logs requests by the runbook's lines, without their tokens",
  async () => {
    const format = /^log_format without_query .*;/m.exec(runbook)?.[0] ?? "no format";
    const access = /^access_log \S+ without_query;/m.exec(runbook)?.[0] ?? "no log";
    const server = await TestServer.start({ LOG_LEVEL: "info" });
    let log = "";
    const configured = {
      ...nginx,
      configure: (at: Parameters<typeof nginx.configure>[0]) => {
        log = join(at.dir, "parley.log");
        return nginx
          .configure(at)
          .replace(/access_log .*;/, format)
          .replace("location / {", `${access.replace(/ \S+\.log /, ` ${log} `)}\nlocation / {`);
      },
    };
    const proxy = await ReverseProxy.start(configured, server.url);
    const ann = await server.person("ann");
    const reply = await fetch(`${proxy.url}/api/v1/events?token=${ann.token}`);
    expect(reply.status).toBe(200);
    const port = Number(new URL(proxy.url).port);
    expect((await exchange(port, handshakeText({}, `GET /ws?token=${ann.token} HTTP/1.1`))).status).toBe(101);
    let text = "";
    for (let n = 0; n < 800 && !(text.includes("/api/v1/events ") && text.includes("/ws ")); n++) {
      await delay(25);
      text = existsSync(log) ? readFileSync(log, "utf8") : "";
    }
    expect(text).toContain(`"GET /api/v1/events HTTP/1.1" 200`);
    expect(text).toContain(`"GET /ws HTTP/1.1" 101`);
    expect(text).toContain(reply.headers.get("X-Request-Id") as string);
    expect(text).not.toContain(ann.token);
    await proxy.stop();
    await server.stop();
  },
  60_000,
);
