import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { Receiver } from "../../test/webhook-receiver.ts";
import { systemClock } from "../lib/clock.ts";
import { nextTurn } from "../lib/interval.ts";
import { CAPS } from "../limits/caps.ts";
import { createLogger } from "../ops/logger.ts";
import { Metrics } from "../ops/metrics.ts";
import { SendHook, type SendQuestion } from "./send-hook.ts";

const SECRET = `whsec_${Buffer.from("a secret of at least 24 bytes").toString("base64")}`;
const MOST = CAPS.hookAtOnce.count;
/** No answer takes so long, even where the machine stands still for a moment. */
const PATIENT_MS = 60_000;

let product: Receiver;
let metrics: Metrics;
let lines: string[];
beforeEach(() => {
  product = new Receiver();
  metrics = new Metrics();
  lines = [];
});
afterEach(() => product.stop());

function hook(timeoutMs: number): SendHook {
  const logger = createLogger({ level: "info", sink: { write: (line) => lines.push(line) } });
  const settings = { url: product.url, fail: "open" as const };
  return new SendHook({ settings, secret: SECRET, clock: systemClock, logger, metrics, timeoutMs });
}
const question = (uid: number, clientId = "c") => ({
  fromUser: { uid, externalId: null },
  room: { id: 2, externalId: null },
  ...{ clientId, type: 1, body: { content: "hello" }, replyTo: null, mentions: [] },
});

const ask = (of: SendHook, asked: SendQuestion) =>
  of.ask(asked.fromUser.uid, { questionOf: () => Promise.resolve(asked) });

test("HOOK-33: of many people 64 are asked about at once, and the others in turn", async () => {
  const gate = Promise.withResolvers<void>();
  product.answer = async () => {
    await gate.promise;
    return Response.json({ allow: true });
  };
  const slow = hook(PATIENT_MS);
  const all = Array.from({ length: 3 * MOST }, (_, uid) => ask(slow, question(uid)));
  await product.until("64", ({ open }) => open === MOST);
  gate.resolve();
  await Promise.all(all);
  expect([product.most, product.received.length]).toEqual([MOST, 3 * MOST]);
  expect(await metrics.text()).toContain(`parley_send_hook_total{result="allowed"} ${3 * MOST}`);
});

test("HOOK-32: where the product does not answer, nobody waits longer than twice the time of one, however many ask", async () => {
  product.answer = () => new Promise(() => {});
  const mute = hook(20_000);
  let answered = 0;
  jest.useFakeTimers();
  try {
    const all = Array.from({ length: 5 * MOST }, (_, uid) => ask(mute, question(uid)).then(() => answered++));
    const passed = async (ms: number) => {
      jest.advanceTimersByTime(ms);
      await nextTurn();
      return answered;
    };
    await nextTurn();
    expect([await passed(19_999), await passed(1), await passed(19_999)]).toEqual([0, MOST, MOST]);
    jest.advanceTimersByTime(1);
    await Promise.all(all);
  } finally {
    jest.useRealTimers();
  }
  expect(await metrics.text()).toContain(`parley_send_hook_total{result="none"} ${5 * MOST}`);
  // It is logged once, and the end once.
  product.answer = () => Response.json({ allow: true });
  await ask(mute, question(1, "d"));
  expect(lines.map((line) => JSON.parse(line).level)).toEqual(["warn", "info"]);
});

test("HOOK-30: what was answered is asked again for no repeat, also where it could not be stored", async () => {
  product.answer = () => Response.json({ allow: true, body: { content: "hi" } });
  const quick = hook(PATIENT_MS);
  const asked = [1, 2, 3].map(() => ask(quick, question(7)));
  expect(await Promise.all(asked)).toEqual([{ content: "hi" }, { content: "hi" }, { content: "hi" }]);
  expect(product.received).toHaveLength(1);
  await ask(quick, { ...question(7), body: { content: "other" } });
  await ask(quick, { ...question(7), room: { id: 3, externalId: null } });
  expect(new Set(product.received.map(({ id }) => id)).size).toBe(3);
});

test("HOOK-33: a person's messages keep their order, also where what is read for the first one takes longer", async () => {
  product.answer = () => Response.json({ allow: true });
  const quick = hook(PATIENT_MS);
  const read = Promise.withResolvers<SendQuestion>();
  const both = [
    quick.ask(7, { questionOf: () => read.promise }),
    quick.ask(7, { questionOf: () => Promise.resolve(question(7, "second")) }),
  ];
  await ask(quick, question(8, "of somebody else"));
  read.resolve(question(7, "first"));
  await Promise.all(both);
  expect(product.received.map(({ data }) => data.clientId)).toEqual(["of somebody else", "first", "second"]);
});

test("HOOK-30: where there is no question nobody is asked, and a question that cannot be read holds up no later one", async () => {
  const quick = hook(PATIENT_MS);
  const failing = quick.ask(7, { questionOf: () => Promise.reject(new Error("no database")) });
  const none = quick.ask(7, { questionOf: () => Promise.resolve(undefined) });
  await expect(failing).rejects.toThrow("no database");
  expect([await none, product.received.length]).toEqual([undefined, 0]);
});
