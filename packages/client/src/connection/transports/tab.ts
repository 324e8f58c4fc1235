import type { Http } from "../../api/http.ts";
import { every } from "../../lib/timers.ts";
import type { Timing } from "../../lib/timing.ts";
import type { PushFrame } from "../../reading/push-frame.ts";
import { type PollReply, Portion, poll } from "./poll.ts";
import { endOf } from "./sse.ts";
import type { TabMessage } from "./tab-message.ts";
import type { Opened, Start, Transport, TransportEvents } from "./transport.ts";

export interface TabLinks {
  /** Epoch milliseconds. */
  now(): number;
  /** A person may be looking at this tab. */
  isVisible(): boolean;
  post(message: TabMessage): void;
  /** The number of the last message that came. */
  count(count: number): void;
  /** The other tab has been silent too long. */
  steal(): void;
}

/** One connection of this tab, which follows another one. */
interface Following {
  readonly start: Start;
  readonly on: TransportEvents;
  readonly portion: Portion;
  /** What came while it asks the server for what it missed; undefined: it has everything. */
  held: TabMessage[] | undefined;
  /** Something else was missed meanwhile. */
  again: boolean;
  joined: boolean;
}

/** Questions in a row without an answer, after which the tab that has the connection counts as hung. */
const QUESTIONS = 3;

/** Reads by the connection of another tab, and asks the server for what that tab cannot know of. */
export class TabTransport implements Transport {
  readonly name = "tab";
  readonly #http: Http;
  readonly #timing: Timing;
  readonly #links: TabLinks;
  #following: Following | undefined;
  #count = 0;
  #askedAt = 0;
  /** Questions that nobody has answered. */
  #unanswered = 0;

  constructor(http: Http, timing: Timing, links: TabLinks) {
    this.#http = http;
    this.#timing = timing;
    this.#links = links;
  }

  open(start: Start, on: TransportEvents): Opened {
    const following: Following = {
      start,
      on,
      portion: new Portion(),
      held: undefined,
      again: false,
      joined: false,
    };
    this.#following = following;
    this.#heard();
    this.#askWhether(following);
    const cancel = every(this.#timing.tabPingMs, () => this.#look(following));
    start.signal.addEventListener("abort", cancel, { once: true });
    return { send: (type, data) => this.#links.post({ kind: "send", type, data }) };
  }

  message(message: TabMessage): void {
    const following = this.#following;
    // Other tabs that follow talk, too.
    if (!following || following.start.signal.aborted || /^(hello|ping|back|send)$/.test(message.kind)) return;
    this.#heard();
    if (message.kind === "live" && !following.joined) return this.#askWhether(following);
    if (message.kind === "welcome" && !following.joined) return this.#join(following, message);
    if (!following.joined) return;
    if (message.kind === "live") {
      this.#counted(message.count);
      void this.#catchUp(following);
    } else if (message.kind === "frames") {
      const isNext = message.count === this.#count + 1;
      this.#counted(message.count);
      if (!isNext) void this.#catchUp(following);
      if (following.held) following.held.push(message);
      else following.on.receive(message.frames, message.cursor);
    }
  }

  #join(following: Following, { count, cursor }: TabMessage & { kind: "welcome" }): void {
    following.joined = true;
    this.#counted(count);
    following.on.opened();
    following.on.ready();
    if (following.start.cursor !== undefined) return void this.#catchUp(following, cursor);
    following.on.receive([], cursor);
    following.on.live();
  }

  #counted(count: number): void {
    this.#count = count;
    this.#links.count(count);
  }

  /** @param from where the tab with the connection stands, for a tab that joins it: this one may already have what it brings from there */
  async #catchUp(following: Following, from?: string): Promise<void> {
    following.again = true;
    if (following.held) return;
    const held: TabMessage[] = [];
    following.held = held;
    const { on } = following;
    const { signal } = following.start;
    const old: PushFrame[] = [];
    try {
      for (let at = from; at !== undefined; ) {
        const { events, cursor, more } = await this.#ask(following, at);
        old.push(...events);
        at = more ? cursor : undefined;
      }
      while (following.again) {
        following.again = false;
        for (let more = true; more && !signal.aborted; ) {
          const reply = await this.#ask(following, on.cursor());
          if (!signal.aborted) on.receive(reply.events, reply.cursor);
          more = reply.more;
        }
      }
    } catch (error) {
      if (!signal.aborted) on.ended(endOf(error));
    }
    if (signal.aborted) return;
    for (const { stream, seq } of old) if (stream && seq) on.had(stream, seq);
    following.held = undefined;
    for (const message of held) {
      if (message.kind === "frames") on.receive(message.frames, message.cursor);
    }
    on.live();
  }

  #ask({ start: { token, max, signal }, portion }: Following, cursor: string | undefined): Promise<PollReply> {
    return poll(this.#http, { token, cursor, max, wait: 0, signal, answerMs: this.#timing.answerMs, portion });
  }

  /** A person who looks at this tab waits for few seconds only; the timers of a tab that is hidden run once a minute in any case. */
  #look(following: Following): void {
    const now = this.#links.now();
    // A clock that was set back puts nothing off.
    this.#askedAt = Math.min(this.#askedAt, now);
    if (!this.#links.isVisible() && now - this.#askedAt < this.#timing.tabHiddenPingMs) return;
    if (this.#unanswered < QUESTIONS) return this.#askWhether(following);
    this.#heard();
    this.#links.steal();
  }

  #askWhether({ joined }: Following): void {
    this.#unanswered += 1;
    this.#askedAt = this.#links.now();
    this.#links.post({ kind: joined ? "ping" : "hello" });
  }

  #heard(): void {
    this.#unanswered = 0;
  }
}
