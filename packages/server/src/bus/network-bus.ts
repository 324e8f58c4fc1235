import { Backoff } from "../lib/backoff.ts";
import { after, every, type Stop, withDeadline } from "../lib/interval.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { whyLost } from "../lib/why-lost.ts";
import type { Logger } from "../ops/logger.ts";
import type { BusListener, BusMessage, NodeId, OpenBus } from "./bus.ts";
import { type BusFrame, headOf, messageOf } from "./bus-frame.ts";
import type { BusLine, NewLine } from "./bus-line.ts";
import { OutageLog } from "./outage-log.ts";
import { Unsent } from "./unsent.ts";

interface NetworkBusParts {
  readonly node: NodeId;
  /** What log lines call the service. */
  readonly service: string;
  readonly logger: Logger;
  readonly newLine: NewLine;
  /** Why a line was lost, in words without a password. */
  readonly whyLost?: (cause: unknown) => string;
  /** Whether the service carries events too, or only how far the log goes. */
  readonly withEvents: boolean;
  /** The shortest time from one sending to the next, in milliseconds; what is published in the meantime goes together. */
  readonly gatherMs: number;
  /** It stands in for another bus, whose state counts. */
  readonly isStandIn?: boolean | undefined;
  /** Called each time it no longer works, and when it does not work at first; once until it works again. Must not throw. */
  readonly onLost?: (() => void) | undefined;
  /** Milliseconds that the process has run, for log lines; another one for tests. */
  readonly uptime?: () => number;
}

type State =
  | { readonly at: "waiting"; readonly stop: Stop }
  | { readonly at: "opening"; readonly line: BusLine }
  /** `proving`: nothing that was sent on this line has come back yet. `working`: something has. */
  | { readonly at: "proving" | "working"; readonly line: BusLine }
  | { readonly at: "closed" };

/** A service that does not answer within this time counts as away. */
const OPEN_MS = 5000;
/** A node that has nothing to send sends an empty frame this often. */
const PULSE_MS = 1000;
/** After this many looks at which nothing of its own had come back, a line counts as lost, whatever its connections look like. */
const UNHEARD_PULSES = 3;
/** Other nodes of which the newest frame is remembered: those that were heard first are forgotten. */
const NODES_REMEMBERED = 256;
/** When the bus closes, what waits may still be sent within this time. */
const LAST_WORDS_MS = 500;

/**
 * A bus over a network service, which may be slow, stall, go away and come back. The service also delivers what this node sends to the node
 * itself. That proves that the bus works in both directions; connections that look open prove nothing. A line that is lost is replaced by a
 * new one, and what waited for it is dropped, except how far the log goes.
 */
export class NetworkBus implements OpenBus {
  readonly #parts: NetworkBusParts;
  readonly #unsent: Unsent;
  readonly #log: OutageLog;
  readonly #listeners = new Set<BusListener>();
  readonly #restoredListeners = new Set<() => void>();
  /** The number of the newest frame of each other node. */
  readonly #newest = new Map<NodeId, number>();
  readonly #backoff = new Backoff({ firstMs: 50, longestMs: 2000 });
  readonly #stopLooking: Stop;
  #state: State = { at: "waiting", stop: () => {} };
  #sending: Promise<void> | undefined;
  #stopGathering: Stop | undefined;
  #sentAt = Number.NEGATIVE_INFINITY;
  /** The numbers of the newest frame that was sent, that came back, and that was sent before the last look. */
  #sent = 0;
  #heard = 0;
  #sentAtLook = 0;
  #unheardLooks = 0;
  #problem: string | undefined;
  /** Live messages that were dropped since a line in the log has said so. */
  #dropped = 0;

  constructor(parts: NetworkBusParts) {
    this.#parts = parts;
    this.#log = new OutageLog(parts);
    const { node, withEvents, service, logger } = parts;
    this.#unsent = new Unsent({
      node,
      withEvents,
      dropped: (why) => {
        if (why === "too_large")
          logger.warn({ service }, "a message to the other nodes is too large or not JSON, and was not sent");
        else this.#dropped += 1;
      },
    });
    this.#stopLooking = every(PULSE_MS, () => this.#look());
    this.#open();
  }

  get works(): boolean {
    return this.#state.at === "working";
  }

  get carriesEvents(): boolean {
    return this.#parts.withEvents;
  }

  /** Why it does not work, in words without a password. */
  get problem(): string | undefined {
    return this.works ? undefined : (this.#problem ?? `${this.#parts.service} has not answered yet`);
  }

  /** The number of the newest frame that came from another node; undefined: none has come. Every node sends one within 2 s, whatever happens. */
  newestOf(node: NodeId): number | undefined {
    return this.#newest.get(node);
  }

  publish(message: BusMessage): void {
    const { at } = this.#state;
    if (at === "closed") return;
    const isOpen = at === "proving" || at === "working";
    // Without a line only the log's position is kept, because everything else would be out of date when it arrives.
    if (!isOpen && message.channel === "live") return;
    this.#unsent.add(message);
    if (isOpen) this.#sendSoon();
  }

  subscribe(listener: BusListener): Stop {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onRestored(listener: () => void): Stop {
    this.#restoredListeners.add(listener);
    return () => void this.#restoredListeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.#state.at === "closed") return;
    this.#stopLooking();
    if (this.works) await this.#lastWords();
    this.#leave({ at: "closed" });
    this.#unsent.clear();
    this.#listeners.clear();
    this.#restoredListeners.clear();
  }

  #open(): void {
    const line = this.#parts.newLine({
      heard: (frame) => this.#isCurrent(line) && this.#hear(frame),
      lost: (cause) => this.#isCurrent(line) && this.#lose(cause),
    });
    this.#state = { at: "opening", line };
    withDeadline(line.open(), OPEN_MS, "no answer").then(
      () => this.#isCurrent(line) && this.#prove(line),
      (cause) => this.#isCurrent(line) && this.#lose(cause),
    );
  }

  #isCurrent(line: BusLine): boolean {
    return "line" in this.#state && this.#state.line === line;
  }

  #prove(line: BusLine): void {
    this.#state = { at: "proving", line };
    this.#unheardLooks = 0;
    this.#sent = this.#heard = this.#sentAtLook = this.#unsent.number;
    this.#unsent.beginAnew();
    this.#unsent.addPulse();
    this.#send();
  }

  #lose(cause: unknown): void {
    if (this.#state.at === "closed") return;
    const isNews = this.#problem === undefined;
    this.#problem = (this.#parts.whyLost ?? whyLost)(cause);
    this.#log.isAway(this.#problem);
    this.#leave({ at: "waiting", stop: after(this.#backoff.next(), () => this.#open()) });
    if (isNews) this.#parts.onLost?.();
  }

  #leave(next: State): void {
    const { line } = { line: undefined, ...this.#state };
    if (this.#state.at === "waiting") this.#state.stop();
    this.#state = next;
    this.#stopGathering?.();
    this.#stopGathering = undefined;
    this.#sending = undefined;
    this.#unsent.beginAnew();
    line?.close();
  }

  #look(): void {
    if (this.#state.at !== "proving" && this.#state.at !== "working") return;
    if (this.#dropped > 0) {
      const { service, logger } = this.#parts;
      logger.warn(
        { service, dropped: this.#dropped },
        "messages to the other nodes were dropped, because too many were waiting",
      );
      this.#dropped = 0;
    }
    // Looks are counted instead of time, so that a node whose event loop was busy for a while does not blame the service.
    this.#unheardLooks = this.#heard < this.#sentAtLook ? this.#unheardLooks + 1 : 0;
    if (this.#unheardLooks >= UNHEARD_PULSES) return this.#lose("nothing that was sent came back");
    if (this.#sent === this.#sentAtLook && !this.#sending) {
      this.#unsent.addPulse();
      this.#sendSoon();
    }
    this.#sentAtLook = this.#sent;
  }

  #sendSoon(): void {
    if (this.#sending || this.#stopGathering) return;
    const wait = this.#sentAt + this.#parts.gatherMs - uptimeMs();
    if (wait > 0) {
      // It looks again, since a timer may be early by a part of a millisecond.
      this.#stopGathering = after(wait, () => {
        this.#stopGathering = undefined;
        this.#sendSoon();
      });
      return;
    }
    let isStopped = false;
    this.#stopGathering = () => {
      isStopped = true;
    };
    // What is published in the same turn goes together.
    queueMicrotask(() => !isStopped && this.#send());
  }

  #send(): void {
    this.#stopGathering = undefined;
    if (this.#state.at !== "proving" && this.#state.at !== "working") return;
    const { line } = this.#state;
    const frames = this.#unsent.take();
    this.#sent = this.#unsent.number;
    this.#sentAt = uptimeMs();
    const sending = line.send(frames).then(
      () => this.#isCurrent(line) && this.#sentAll(),
      (cause) => this.#isCurrent(line) && this.#lose(cause),
    );
    this.#sending = sending.then(() => {});
  }

  #sentAll(): void {
    this.#sending = undefined;
    if (!this.#unsent.isEmpty) this.#sendSoon();
  }

  #hear(frame: BusFrame): void {
    const head = headOf(frame);
    if (!head) return;
    if (head.from === this.#parts.node) return this.#hearOwn(head.number);
    this.#newest.set(head.from, head.number);
    if (this.#newest.size > NODES_REMEMBERED) this.#newest.delete(this.#newest.keys().next().value as NodeId);
    const message = messageOf(frame);
    if (message !== undefined && message !== "pulse") this.#handOn(message, head.from);
  }

  #hearOwn(number: number): void {
    // Others may send frames with this node's id.
    if (number > this.#sent || number <= this.#heard) return;
    this.#heard = number;
    if (this.#state.at !== "proving") return;
    this.#state = { at: "working", line: this.#state.line };
    this.#backoff.reset();
    this.#problem = undefined;
    this.#log.works();
    for (const listener of [...this.#restoredListeners]) this.#isolated(listener);
  }

  #handOn(message: BusMessage, from: NodeId): void {
    for (const listener of [...this.#listeners]) this.#isolated(() => listener(message, from));
  }

  #isolated(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#parts.logger.error({ err: error }, "a listener of the bus failed");
    }
  }

  async #lastWords(): Promise<void> {
    try {
      await withDeadline(this.#untilSent(), LAST_WORDS_MS, "the bus did not send what waited");
    } catch {
      // They are lost, which may happen to anything on the bus.
    }
  }

  async #untilSent(): Promise<void> {
    while (this.works && (this.#sending || !this.#unsent.isEmpty)) {
      if (!this.#sending) this.#sendNow();
      await this.#sending;
    }
  }

  #sendNow(): void {
    this.#stopGathering?.();
    this.#send();
  }
}
