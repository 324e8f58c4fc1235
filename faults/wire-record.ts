import { HiddenTexts } from "./hidden-texts.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import { Ranges } from "./ranges.ts";
import { Spans } from "./spans.ts";
import {
  type BanWatch,
  perTransport,
  type TransportName,
  type WireLog,
  type WireOddity,
  type WireStart,
} from "./wire-log.ts";

const FRAME = /^\{"type":(\d+)(?:,"stream":"([^"]+)","seq":(\d+))?/;
const PUSH_ERROR = 100;
const PUSH_RESYNC = 108;
const PUSH_CURSOR = 115;
const RESYNC = /"stream":"([^"]+)"(?:,"seq":(\d+))?/;
/** The text of each message that will be recalled contains this, followed by its clientId; that of each notification, followed by its title. */
export const RECALLED_TEXT = "to-be-recalled:";
const RECALLED = /to-be-recalled:([\w-]+)/g;
/** No server is ended and started within this time. */
const RESTART_MS = 100;
/** Keeping more would only fill memory; the first ones show what is wrong. */
const MOST_ODDITIES = 5_000;

/** A client asks to go on from a cursor. */
export type AskedStart = Pick<WireStart, "cursor" | "max" | "askedAt" | "kept" | "node">;

interface OpenStart extends WireStart {
  readonly resyncs: string[];
  whole: boolean;
}

/** What one connection, or one reply of a poll, has brought so far. */
export class WireConnection {
  readonly transport: TransportName;
  readonly node: number;
  /** When its request was passed on: the server read nothing for it before that. */
  askedAt: number;
  live: boolean;
  readonly last = new Map<string, number>();
  /** It was asked for, and nothing that follows from it has come yet. */
  asked: AskedStart | undefined;
  /** Only RESYNCs have come so far. */
  start: OpenStart | undefined;

  constructor(parts: { transport: TransportName; askedAt: number; live: boolean; node?: number }) {
    this.transport = parts.transport;
    this.node = parts.node ?? 0;
    this.askedAt = parts.askedAt;
    this.live = parts.live;
  }
}

/** By server: when the newest request was made that brought something. */
export type LastAsked = Record<number, number>;

/** What the records of all clients share. */
export interface WireTexts {
  /** By clientId of a message to be recalled. */
  readonly oldTexts: Map<string, LastAsked>;
  readonly hidden: HiddenTexts;
}

/** Reads the frames of one client as they go by. Its memory grows with streams and oddities, not with events. */
export class WireRecord {
  readonly spans = new Spans();
  readonly #streams = new Map<string, Ranges>();
  readonly #deliveries = perTransport(() => ({ live: 0, backfill: 0 }));
  readonly #opened = perTransport(() => 0);
  readonly #jumps: WireOddity[] = [];
  readonly #falls: WireOddity[] = [];
  readonly #starts: OpenStart[] = [];
  readonly #lateResyncs: string[] = [];
  readonly #closes: Record<string, number> = {};
  readonly #bans: (Pick<BanWatch, "from"> & { came: BanWatch["came"][number][] })[] = [];
  #isBanned = false;
  #repeats = 0;
  #unkept = 0;
  readonly #oldTexts: WireTexts["oldTexts"];
  readonly #hidden: HiddenTexts;

  constructor(oldTexts: WireTexts["oldTexts"], hidden: HiddenTexts = new HiddenTexts()) {
    this.#oldTexts = oldTexts;
    this.#hidden = hidden;
  }

  open(transport: TransportName, asked: { resumes: boolean; askedAt: number; node?: number }): WireConnection {
    const { resumes, ...own } = asked;
    this.#opened[transport] += 1;
    return new WireConnection({ transport, ...own, live: !resumes });
  }

  /** A reply to a poll counts as a separate opening. */
  polled(transport: TransportName): void {
    this.#opened[transport] += 1;
  }

  closed(code: number): void {
    this.#closes[code] = (this.#closes[code] ?? 0) + 1;
  }

  /** From now on nothing may come. @param from when the ban was answered */
  banned(from: number): void {
    this.#isBanned = true;
    this.#bans.push({ from, came: [] });
  }

  /** The ban is about to be ended. */
  unbanned(): void {
    this.#isBanned = false;
  }

  /** @param text a whole frame, in Latin-1 */
  frame(connection: WireConnection, text: string): void {
    const [, type, stream, seq] = FRAME.exec(text) ?? [];
    if (type === undefined) throw new Error(`this is no frame: ${text.slice(0, 80)}`);
    if (this.#isBanned) this.#whileBanned(connection, { type: Number(type), stream, seq: Number(seq ?? 0) });
    if (Number(type) === PUSH_RESYNC) return this.#resync(connection, text);
    if (connection.start) this.started(connection);
    if (stream !== undefined) {
      this.started(connection);
      this.#event(connection, stream, Number(seq));
      this.#hidden.look(text, connection);
      if (text.includes(RECALLED_TEXT)) this.#oldText(connection, text);
    } else if (Number(type) === PUSH_CURSOR && text.includes('"live":true')) {
      this.started(connection);
      connection.live = true;
    }
  }

  /** The first part of a start is over: no further RESYNC belongs to it. */
  started(connection: WireConnection): void {
    const { asked } = connection;
    // A reader that was kept begins nothing. For most polls that is clear at once, and there are many.
    if (asked?.kept?.isSure && asked.askedAt - asked.kept.since < RESTART_MS) connection.asked = undefined;
    const start = this.#answered(connection);
    if (start) start.whole = true;
    connection.start = undefined;
  }

  /** The first sign of a start, or one more. */
  #answered(connection: WireConnection): OpenStart | undefined {
    const { asked, transport } = connection;
    connection.asked = undefined;
    if (asked) {
      connection.start = { ...asked, transport, answeredAt: monotonicMs(), resyncs: [], whole: false };
      this.#starts.push(connection.start);
    }
    return connection.start;
  }

  #resync(connection: WireConnection, text: string): void {
    const start = this.#answered(connection);
    if (start) start.resyncs.push(text);
    else this.#lateResyncs.push(text);
    // From here on, this stream has to go on in order on the same connection.
    const [, stream, seq] = RESYNC.exec(text) ?? [];
    if (stream !== undefined && seq !== undefined) connection.last.set(stream, Number(seq));
  }

  #event(connection: WireConnection, stream: string, seq: number): void {
    const { transport, last } = connection;
    const before = last.get(stream);
    if (before !== undefined && seq !== before + 1) {
      const list = seq > before ? this.#jumps : this.#falls;
      if (list.length < MOST_ODDITIES) list.push({ stream, transport, from: before, to: seq });
      else this.#unkept += 1;
    }
    last.set(stream, seq);
    let ranges = this.#streams.get(stream);
    if (!ranges) {
      ranges = new Ranges();
      this.#streams.set(stream, ranges);
    }
    if (ranges.add(seq) === "repeat") this.#repeats += 1;
    else this.#deliveries[transport][connection.live ? "live" : "backfill"] += 1;
  }

  #whileBanned(
    { askedAt, node }: WireConnection,
    { type, stream, seq }: { type: number; stream: string | undefined; seq: number },
  ): void {
    const came = this.#bans.at(-1)?.came;
    if (type === PUSH_ERROR || !came || came.length >= MOST_ODDITIES) return;
    came.push({ type, ...(stream !== undefined && { stream }), seq, askedAt, node });
  }

  #oldText({ askedAt, node }: WireConnection, text: string): void {
    for (const [, clientId = ""] of text.matchAll(RECALLED)) {
      const last = this.#oldTexts.get(clientId) ?? {};
      this.#oldTexts.set(clientId, last);
      if (askedAt > (last[node] ?? 0)) last[node] = askedAt;
    }
  }

  get log(): WireLog {
    return {
      streams: Object.fromEntries([...this.#streams].map(([stream, { runs }]) => [stream, runs])),
      deliveries: this.#deliveries,
      repeats: this.#repeats,
      jumps: this.#jumps,
      falls: this.#falls,
      unkept: this.#unkept,
      starts: this.#starts,
      lateResyncs: this.#lateResyncs,
      opened: this.#opened,
      bans: this.#bans,
      spans: this.spans.all,
      closes: this.#closes,
    };
  }
}
