import { expect, test } from "bun:test";
import { MemoryBus } from "../bus/memory-bus.ts";
import { NodeChannel } from "../nodes/channel.ts";
import { LivingNodes } from "../nodes/liveness.ts";
import { Health } from "../ops/health.ts";
import { createLogger } from "../ops/logger.ts";
import { clientAddress, LOOPBACK_PROXIES, trustedProxies } from "./client-ip.ts";
import { sharedForwarderWarnings } from "./forwarder-warning.ts";

const [A, B] = ["a".repeat(16), "b".repeat(16)];

/** Two nodes that know each other. */
function two() {
  const memory = new MemoryBus();
  const nodes = [A, B].map((self) => {
    const liveness = new LivingNodes();
    liveness.up(self === A ? B : A);
    const channel = new NodeChannel({ self, bus: memory.open(self), liveness }, () => {});
    const [health, lines] = [new Health(), [] as string[]];
    const logger = createLogger({ level: "warn", sink: { write: (line) => void lines.push(line) } });
    const warnings = sharedForwarderWarnings(channel, { health, logger, proxies: LOOPBACK_PROXIES });
    channel.start();
    return { warnings, health, lines, channel };
  });
  return nodes as [(typeof nodes)[0], (typeof nodes)[0]];
}

const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

const requestOf = (peer: string, forwarded: boolean) =>
  clientAddress({
    peer,
    headers: new Headers(forwarded ? { "X-Forwarded-For": "198.51.100.1" } : {}),
    trusted: trustedProxies(LOOPBACK_PROXIES),
  });

test("PROC-8: a peer that forwards without being trusted is logged by the node that saw it first, and known to all", async () => {
  const [a, b] = two();
  a.warnings.note(requestOf("203.0.113.5", false));
  await settle();
  expect([a, b].map(({ warnings }) => warnings.peers())).toEqual([[], []]);
  a.warnings.note(requestOf("203.0.113.5", true));
  await settle();
  b.warnings.note(requestOf("203.0.113.5", true));
  await settle();
  for (const { warnings, health } of [a, b]) {
    expect(warnings.peers()).toEqual(["203.0.113.5"]);
    expect(health.warnings).toEqual(["forwarder_untrusted"]);
  }
  expect([a.lines.length, b.lines.length]).toEqual([1, 0]);
});

test("PROC-8: something that is not an address is not believed, and twenty addresses are remembered", async () => {
  const [a, b] = two();
  for (const peer of [undefined, 7, "", "evil.example", "<b>"]) a.channel.send("forwarder", { peer });
  await settle();
  expect([b.warnings.peers(), b.health.warnings]).toEqual([[], []]);
  for (let n = 0; n < 30; n++) a.warnings.note(requestOf(`203.0.113.${n}`, true));
  await settle();
  expect([a.warnings.peers().length, b.warnings.peers().length, a.lines.length]).toEqual([20, 20, 20]);
});
