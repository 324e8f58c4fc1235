import { rateLimited } from "../limits/rate-limited.ts";
import type { RateRow } from "../limits/row.ts";
import { type CountedTogether, SharedRate } from "../limits/shared-rate.ts";
import type { RedisClient } from "./redis-client.ts";
import type { RedisLink } from "./redis-link.ts";

type Act = "take" | "check" | "giveBack" | "reset";

/**
 * One question about a key's window. The window is a number that Redis removes when the window ends, so only Redis's time counts. The answer is the
 * number of milliseconds until one more is allowed; 0 means that it was counted, or may be.
 *
 * A number that has no expiry, or one later than a window can end (because Redis's clock was set back), starts again.
 */
const WINDOW = `
local key, act, most, window = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local counted, left = tonumber(redis.call('GET', key) or ''), redis.call('PTTL', key)
if not counted or left < 0 or left > window then counted = 0 end
if act == 'reset' or (act == 'giveBack' and counted <= 1) then
  redis.call('DEL', key)
elseif act == 'giveBack' then
  redis.call('DECR', key)
elseif counted >= most then
  return math.max(left, 1)
elseif act == 'take' and counted == 0 then
  redis.call('SET', key, 1, 'PX', window)
elseif act == 'take' then
  redis.call('INCR', key)
end
return 0`;

interface Question {
  readonly act: Act;
  /** In Redis. */
  readonly key: string;
  readonly count: number;
  readonly windowMs: number;
}

/** The script, 700 bytes, is sent each time, so that one round trip is always enough. */
export async function askWindow(client: RedisClient, { act, key, count, windowMs }: Question): Promise<number> {
  return Number(await client.eval(WINDOW, { keys: [key], arguments: [act, String(count), String(windowMs)] }));
}

export interface RedisRateParts {
  readonly link: Pick<RedisLink, "ask">;
  readonly row: RateRow;
  /** What the keys of this rate begin with in Redis. */
  readonly prefix: string;
  /** Called whenever there is no room for what is asked. */
  readonly onFull?: (() => void) | undefined;
}

/**
 * One row of `SHARED_RATES`, counted in Redis in the way of `SharedRate`, for all nodes. While Redis is away this node counts alone, from
 * what it has let pass itself; nobody is refused, or waits, because Redis is away.
 */
export class RedisRate implements CountedTogether {
  readonly #parts: RedisRateParts;
  readonly #alone: SharedRate;

  constructor(parts: RedisRateParts) {
    this.#parts = parts;
    this.#alone = new SharedRate(parts.row, { enabled: true, onFull: parts.onFull });
  }

  async take(key: string | number): Promise<void> {
    const waitMs = await this.#ask("take", key);
    if (waitMs === undefined) return this.#alone.take(key);
    this.#refuse(waitMs);
    this.#alone.note(key);
  }

  async tryTake(key: string | number): Promise<boolean> {
    const waitMs = await this.#ask("take", key);
    if (waitMs === undefined) return this.#alone.tryTake(key);
    if (waitMs === 0) this.#alone.note(key);
    else this.#parts.onFull?.();
    return waitMs === 0;
  }

  async check(key: string | number): Promise<void> {
    const waitMs = await this.#ask("check", key);
    if (waitMs === undefined) return this.#alone.check(key);
    this.#refuse(waitMs);
  }

  async giveBack(key: string | number): Promise<void> {
    await Promise.all([this.#ask("giveBack", key), this.#alone.giveBack(key)]);
  }

  async reset(key: string | number): Promise<void> {
    await Promise.all([this.#ask("reset", key), this.#alone.reset(key)]);
  }

  /** @returns undefined if Redis is away */
  #ask(act: Act, key: string | number): Promise<number | undefined> {
    const { link, row, prefix } = this.#parts;
    const { count, windowMs } = row;
    return link.ask((client) => askWindow(client, { act, key: `${prefix}${hashed(key)}`, count, windowMs }));
  }

  #refuse(waitMs: number): void {
    if (waitMs === 0) return;
    this.#parts.onFull?.();
    throw rateLimited(this.#parts.row.counts, waitMs);
  }
}

/** Names and addresses that people give may have any length, and people who look into Redis need not see them. */
function hashed(key: string | number): string {
  return new Bun.CryptoHasher("sha256").update(String(key)).digest("base64url").slice(0, 22);
}
