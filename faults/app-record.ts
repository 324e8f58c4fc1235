import { type AppResync, AppResyncs } from "./app-resyncs.ts";
import { GRACE_MS } from "./presence-times.ts";
import { Ranges, type Run } from "./ranges.ts";

/** What an application got for one logged event. */
export interface AppEvent {
  readonly stream: string;
  readonly seq: number;
  readonly type: number;
  /** Set for a MESSAGE. */
  readonly messageId: number | undefined;
  /** What it said, from `contents.ts`. */
  readonly said: number;
  /** A MESSAGE without its text. */
  readonly isRecalled: boolean;
  /** Set if its content may change: for a NOTIFICATION or CUSTOM. */
  readonly isPassing?: boolean;
}

/** What the application of one client saw of one stream, as plain data. */
export interface AppStreamLog {
  readonly runs: readonly Run[];
  readonly duplicated: number;
  readonly reordered: number;
  /** The first few of both. */
  readonly examples: readonly string[];
}

export interface AppLog {
  /** The client's cursor when it was first live: what came after it counts. */
  readonly from: string;
  readonly streams: Readonly<Record<string, AppStreamLog>>;
  readonly resyncs: readonly AppResync[];
  /** Events whose content differs from what the first client to see them got. */
  readonly differing: readonly string[];
  readonly switches: number;
  /** How often it stopped because it heard that its person is banned. */
  readonly bans: number;
  /** Events that the link handed to the client once more. */
  readonly repeated: number;
  /** The longest time, in milliseconds, for which it was not live. */
  readonly longestAwayMs: number;
  /** How often it was not live for less than the grace of a departure. */
  readonly shortCuts: number;
}

const EXAMPLES = 10;

class StreamRecord {
  readonly seen = new Ranges();
  readonly examples: string[] = [];
  duplicated = 0;
  reordered = 0;

  add(seq: number): void {
    const how = this.seen.add(seq);
    if (how === "repeat") this.duplicated += 1;
    else if (how === "late") this.reordered += 1;
    else return;
    if (this.examples.length < EXAMPLES) this.examples.push(`${how === "repeat" ? "again" : "late"}: ${seq}`);
  }

  get log(): AppStreamLog {
    const { seen, duplicated, reordered, examples } = this;
    return { runs: seen.runs, duplicated, reordered, examples };
  }
}

/** What each event said, as the first client to see it got it. */
export interface SeenEvents {
  /** Message id, or the type, negative. */
  readonly ids: readonly (number | null)[];
  /** Empty if it only came without its text. */
  readonly said: readonly (number | null)[];
  /** The same for messages as they came after they were recalled. */
  readonly recalled: Readonly<Record<number, number>>;
  /** Everything that clients got for events that may change. */
  readonly passing?: Readonly<Record<number, readonly number[]>>;
}

interface OfStream {
  readonly ids: number[];
  readonly said: number[];
  readonly recalled: Record<number, number>;
  readonly passing: Record<number, number[]>;
}

/** The events of all clients, each kept once, so that memory grows with the log and not with the deliveries. */
export class SharedEvents {
  readonly #streams = new Map<string, OfStream>();

  /** @returns whether it says the same as before */
  agrees({ stream, seq, type, messageId, said, isRecalled, isPassing }: AppEvent): boolean {
    let events = this.#streams.get(stream);
    if (!events) {
      events = { ids: [], said: [], recalled: {}, passing: {} };
      this.#streams.set(stream, events);
    }
    const id = messageId ?? -type;
    events.ids[seq] ??= id;
    if (isPassing) {
      const forms = events.passing[seq] ?? [];
      events.passing[seq] = forms;
      if (!forms.includes(said)) forms.push(said);
      return events.ids[seq] === id;
    }
    const form = isRecalled ? events.recalled : events.said;
    form[seq] ??= said;
    return events.ids[seq] === id && form[seq] === said;
  }

  get log(): Record<string, SeenEvents> {
    return Object.fromEntries(this.#streams);
  }
}

/** What the application of one client saw. Repeats are counted, not kept. */
export class AppRecord {
  readonly #shared: SharedEvents;
  readonly #streams = new Map<string, StreamRecord>();
  readonly #differing: string[] = [];
  readonly resyncs = new AppResyncs();
  from = "";
  switches = 0;
  bans = 0;
  repeated = 0;
  #awayAt: number | undefined;
  #longestAwayMs = 0;
  #shortCuts = 0;

  constructor(shared: SharedEvents) {
    this.#shared = shared;
  }

  saw(event: AppEvent): void {
    const { stream, seq } = event;
    let record = this.#streams.get(stream);
    if (!record) {
      record = new StreamRecord();
      this.#streams.set(stream, record);
    }
    record.add(seq);
    if (!this.#shared.agrees(event) && this.#differing.length < EXAMPLES) this.#differing.push(`${stream} ${seq}`);
  }

  isLive(live: boolean): void {
    if (!live) this.#awayAt ??= performance.now();
    else if (this.#awayAt !== undefined) {
      const awayMs = performance.now() - this.#awayAt;
      this.#longestAwayMs = Math.max(this.#longestAwayMs, awayMs);
      if (awayMs < GRACE_MS) this.#shortCuts += 1;
      this.#awayAt = undefined;
    }
  }

  get log(): AppLog {
    return {
      from: this.from,
      streams: Object.fromEntries([...this.#streams].map(([stream, record]) => [stream, record.log])),
      resyncs: this.resyncs.all,
      differing: this.#differing,
      switches: this.switches,
      bans: this.bans,
      repeated: this.repeated,
      longestAwayMs: Math.round(this.#longestAwayMs),
      shortCuts: this.#shortCuts,
    };
  }
}
