import { ERRORS } from "@parley/protocol";
import { LRUCache } from "lru-cache";
import { z } from "zod";
import type { Config } from "../config/config.ts";
import type { SendHookConfig } from "../config/send-hook.ts";
import type { Clock } from "../lib/clock.ts";
import { InTurn } from "../lib/in-turn.ts";
import { withDeadline } from "../lib/interval.ts";
import { isDeeperThan } from "../lib/nesting.ts";
import { ProblemError } from "../lib/problem.ts";
import { Turns } from "../lib/turns.ts";
import { CAPS } from "../limits/caps.ts";
import { rateLimited } from "../limits/rate-limited.ts";
import { SIZES } from "../limits/sizes.ts";
import type { Logger } from "../ops/logger.ts";
import type { Metrics } from "../ops/metrics.ts";
import { post } from "./post.ts";
import { signedHeaders } from "./signature.ts";

export interface SendHookParts {
  readonly settings: SendHookConfig;
  readonly secret: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "sendHook">;
  /** [500 ms] */
  readonly timeoutMs?: number;
}

/** What is asked before people's messages are sent; undefined: settings name nobody. */
export function sendHookOf(
  { sendHook: settings, secrets }: Pick<Config, "sendHook" | "secrets">,
  of: Pick<SendHookParts, "clock" | "logger" | "metrics">,
): SendHook | undefined {
  if (!settings || secrets.sendHook === undefined) return undefined;
  return new SendHook({ settings, secret: secrets.sendHook, ...of });
}

/** A message that a person wants to send, as the product is asked about it. */
export interface SendQuestion {
  readonly fromUser: { readonly uid: number; readonly externalId: string | null };
  readonly room: { readonly id: number; readonly externalId: string | null };
  readonly clientId: string;
  readonly type: number;
  readonly body: object;
  readonly replyTo: number | null;
  readonly mentions: readonly number[] | "all";
}

type FaultOf = (body: object) => string | undefined;

interface Verdict {
  readonly allow: boolean;
  readonly code?: string | null | undefined;
  readonly message?: string | null | undefined;
  /** Takes the place of the message's own. */
  readonly body?: object | null | undefined;
}

const TIMEOUT_MS = 500;
const REMEMBERED_MS = 600_000;
const RETRY_AFTER_MS = 2000;
const MESSAGE_LENGTH = 500;

const verdictSchema = z.object({
  allow: z.boolean(),
  code: z.string().nullish(),
  message: z.string().nullish(),
  body: z.record(z.string(), z.unknown()).nullish(),
});
/** A code of the product's own: none that clients know from us, or take for the want of an answer. */
const CODE = /^[a-z][a-z0-9_]{0,63}$/;
const OURS: ReadonlySet<string> = new Set([...Object.keys(ERRORS), "unknown", "offline"]);

/**
 * Asks the product whether a person's message may be sent, before it takes its place in the writer's queue.
 *
 * - Once for each message: an answer is remembered, so that a client which repeats its request, or whose first one could not be stored, makes no second question.
 * - A person's messages are asked about one after another, so that their order stays, and so that somebody's slow texts hold up their own only.
 * - Without an answer in time the setting decides.
 */
export class SendHook {
  readonly #parts: SendHookParts;
  readonly #ofPerson = new InTurn<number>();
  readonly #waiting = new Map<number, number>();
  readonly #turns = new Turns({ atOnce: CAPS.hookAtOnce.count, waitingMax: CAPS.hookLine.count });
  // With a size of 1 each, rather than with `max`, the cache takes memory as it fills.
  readonly #verdicts = new LRUCache<string, Verdict>({
    ...{ maxSize: CAPS.hookVerdicts.count, sizeCalculation: () => 1, ttl: REMEMBERED_MS },
  });
  #failing = false;

  constructor(parts: SendHookParts) {
    this.#parts = parts;
  }

  /**
   * Whether it may be sent. @returns the body that takes the place of the message's own; undefined: it stays as it is
   * @param asked.questionOf reads the question when the person's earlier ones are answered; undefined: there is none
   * @param asked.faultOf says what is wrong with such a body; an answer with one that cannot be used counts as none
   * @throws ProblemError `send_refused` by the product's code, `hook_unavailable`, `rate_limited`, and what `questionOf` throws
   */
  async ask(
    uid: number,
    {
      questionOf,
      faultOf = () => undefined,
    }: { questionOf: () => Promise<SendQuestion | undefined>; faultOf?: FaultOf },
  ): Promise<object | undefined> {
    const waiting = this.#waiting.get(uid) ?? 0;
    if (waiting >= CAPS.hookWaiting.count) throw rateLimited(CAPS.hookWaiting.counts, RETRY_AFTER_MS);
    this.#waiting.set(uid, waiting + 1);
    try {
      return await this.#ofPerson.run(uid, async () => {
        const question = await questionOf();
        return question && this.#judged(await this.#verdictOn(question, faultOf));
      });
    } finally {
      const left = (this.#waiting.get(uid) as number) - 1;
      if (left > 0) this.#waiting.set(uid, left);
      else this.#waiting.delete(uid);
    }
  }

  #judged(verdict: Verdict | undefined): object | undefined {
    const { settings, metrics } = this.#parts;
    if (!verdict) {
      metrics.sendHook.inc({ result: "none" });
      if (settings.fail === "open") return undefined;
      throw new ProblemError("hook_unavailable", undefined, { retryAfterMs: RETRY_AFTER_MS });
    }
    if (!verdict.allow) {
      metrics.sendHook.inc({ result: "refused" });
      const { code, message } = verdict;
      const wireCode = code && CODE.test(code) && !OURS.has(code) ? code : "send_refused";
      throw new ProblemError("send_refused", message?.slice(0, MESSAGE_LENGTH) || undefined, { wireCode });
    }
    metrics.sendHook.inc({ result: verdict.body ? "changed" : "allowed" });
    return verdict.body ?? undefined;
  }

  async #verdictOn(question: SendQuestion, faultOf: FaultOf): Promise<Verdict | undefined> {
    const body = JSON.stringify({ event: "send", data: question });
    const id = `send-${question.fromUser.uid}-${digestOf(body)}`;
    const known = this.#verdicts.get(id);
    if (known) return known;
    const { timeoutMs = TIMEOUT_MS } = this.#parts;
    let isLate = false;
    try {
      const answer = this.#turns.run(async () => (isLate ? undefined : this.#request(id, body)));
      // As long again for the turn.
      const verdict = await withDeadline(answer, 2 * timeoutMs, `no turn within ${timeoutMs} ms`);
      const fault = verdict?.allow && verdict.body ? faultOf(verdict.body) : undefined;
      if (fault !== undefined) throw new Error(`the body in the answer is not valid: ${fault}`);
      if (verdict) this.#verdicts.set(id, verdict);
      if (this.#failing) this.#parts.logger.info("the hook before a send answers again");
      this.#failing = false;
      return verdict;
    } catch (error) {
      isLate = true;
      this.#failed(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  async #request(id: string, body: string): Promise<Verdict> {
    const { settings, secret, clock, timeoutMs = TIMEOUT_MS } = this.#parts;
    const abort = new AbortController();
    const headers = signedHeaders(secret, { id, timestamp: Math.floor(clock.now() / 1000), body });
    const bounds = { timeoutMs, maxBytes: SIZES.hookReply.count, signal: abort.signal };
    try {
      const answer = post(settings.url, { headers, body }, bounds);
      const { status, text } = await withDeadline(answer, timeoutMs, `no answer within ${timeoutMs} ms`);
      if (status < 200 || status >= 300) throw new Error(`the answer is ${status}`);
      return verdictOf(text);
    } finally {
      abort.abort();
    }
  }

  #failed(reason: string): void {
    if (!this.#failing) {
      const { fail } = this.#parts.settings;
      const what = fail === "open" ? "messages are sent without asking" : "messages are refused";
      this.#parts.logger.warn({ reason }, `the hook before a send does not answer as it should: ${what}`);
    }
    this.#failing = true;
  }
}

function verdictOf(text: string): Verdict {
  try {
    if (isDeeperThan(SIZES.nesting.count, new TextEncoder().encode(text))) throw new Error("nested too deep");
    return verdictSchema.parse(JSON.parse(text));
  } catch {
    throw new Error("the answer is not {allow, code?, message?, body?}");
  }
}

function digestOf(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 32);
}
