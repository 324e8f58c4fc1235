/**
 * Bans: people and addresses that an administrator keeps out. This file answers whether an address is banned, from memory, since that is asked before
 * anything else of each request and handshake.
 *
 * - A ban holds as long as it has a row. Code that shows a person's messages joins the row (`messages/message-rows.ts`), and so does code that looks for a login
 *   (`identity/logins.ts`); no message is changed by a ban.
 * - An end that comes by itself is an event like any other one: `ban-actions.ts` looks for bans whose time is over.
 * - Addresses of this machine and of trusted proxies are never banned, or one ban would keep everybody out.
 */
import type { ReadDatabase } from "../db/open.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import { type Ban, bannedProblem } from "../identity/banned.ts";
import { INTERNAL_STREAM, Internal, type InternalData } from "../identity/internal-events.ts";
import { memoized } from "../lib/memoized.ts";
import type { ProblemError } from "../lib/problem.ts";
import { type AddressRange, parseAddress, parseRange, widened } from "./address-range.ts";

/** The banned ranges of one family: by their number of bits, and then by their prefix. A look-up costs one step for each number of bits that is in use. */
type ByBits = Map<number, Map<bigint, Ban>>;

/** Clients that come again. */
const ADDRESSES_KNOWN = 4096;

/** All banned ranges, in memory: read once at the start, and kept by the events of the internal stream. */
export class AddressBans {
  readonly #ranges: Record<4 | 6, ByBits> = { 4: new Map(), 6: new Map() };
  #size = 0;
  /** What was found for addresses since the last change, so that those who ask often cost next to nothing. */
  #known = this.#remembering();
  #onBanned: () => void = () => {};
  /** Ranges that were told of while all were being read: what was read of them may be older. */
  #toldMeanwhile: Set<string> | undefined;

  get size(): number {
    return this.#size;
  }

  /** Called once, before the first request, and after the first event may come. */
  async load(db: ReadDatabase): Promise<void> {
    const told = new Set<string>();
    this.#toldMeanwhile = told;
    const rows = await db
      .selectFrom("bans")
      .select(["cidr", "until", "reason"])
      .where("cidr", "is not", null)
      .execute();
    this.#toldMeanwhile = undefined;
    for (const { cidr, until, reason } of rows)
      if (!told.has(cidr as string)) this.#set(cidr as string, { until, reason });
  }

  /** Called for every announced event: a ban holds before its own reply is sent. */
  onEvent({ stream, type, data }: LoggedEvent): void {
    if (stream !== INTERNAL_STREAM || type !== Internal.ADDRESSES_BANNED) return;
    const { cidr, ban } = JSON.parse(data) as InternalData[-12];
    this.#toldMeanwhile?.add(cidr);
    this.#set(cidr, ban);
    if (ban) this.#onBanned();
  }

  /** @param listener called when more addresses are banned; there is one listener */
  onBanned(listener: () => void): void {
    this.#onBanned = listener;
  }

  /** What somebody at this address is told; undefined: the address is not banned. */
  refusal(ip: string): ProblemError | undefined {
    if (this.#size === 0) return undefined;
    const ban = this.#known(ip);
    return ban && bannedProblem(ban);
  }

  #remembering() {
    return memoized((ip: string) => {
      const address = parseAddress(ip);
      return address && this.#find(address);
    }, ADDRESSES_KNOWN);
  }

  #find(address: AddressRange): Ban | undefined {
    for (const [bits, ranges] of this.#ranges[address.family]) {
      const ban = ranges.get(widened(address, bits).prefix);
      if (ban) return ban;
    }
    return undefined;
  }

  #set(cidr: string, ban: Ban | null): void {
    const range = parseRange(cidr);
    if (!range) return;
    const byBits = this.#ranges[range.family];
    const ranges = byBits.get(range.bits) ?? new Map<bigint, Ban>();
    this.#size -= ranges.size;
    if (ban) ranges.set(range.prefix, ban);
    else ranges.delete(range.prefix);
    this.#size += ranges.size;
    if (ranges.size > 0) byBits.set(range.bits, ranges);
    else byBits.delete(range.bits);
    this.#known = this.#remembering();
  }
}
