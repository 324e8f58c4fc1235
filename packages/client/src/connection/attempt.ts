import { Command } from "@parley/protocol/command-type";
import { Push, type PushData } from "@parley/protocol/events";
import { after, type Cancel, every } from "../lib/timers.ts";
import type { Timing } from "../lib/timing.ts";
import type { Delivery } from "../reading/delivery.ts";
import type { KeptCursor } from "../reading/kept-cursor.ts";
import type { PushFrame } from "../reading/push-frame.ts";
import type { ResyncData } from "../reading/reload.ts";
import type { Ending } from "./reconnect-policy.ts";
import type { Opened, Start, Transport, TransportEnd, TransportEvents } from "./transports/transport.ts";

/** How one connection ended, beside what the wire said. */
export type AttemptEnd =
  | Ending["end"]
  | TransportEnd
  | { readonly kind: "resync"; readonly resyncs: readonly ResyncData[] }
  /** An event is missing: what this client has is asked for again. */
  | { readonly kind: "gap" }
  /** The platform says that the network is gone. */
  | { readonly kind: "offline" }
  /** Another transport, or another tab, takes over; or this client was stopped. */
  | { readonly kind: "left" };

export interface Ended {
  readonly end: AttemptEnd;
  readonly ready: boolean;
  readonly livedMs: number;
  readonly drainMs: number | undefined;
}

export interface AttemptParts {
  readonly transport: Transport;
  readonly start: Omit<Start, "signal" | "cursor">;
  readonly cursor: KeptCursor;
  readonly delivery: Delivery;
  readonly timing: Timing;
  readonly now: () => number;
  /** Signs of life; returns the end. Called when the server has said how often it wants them. */
  readonly heartbeat: (ms: number, beat: () => void) => Cancel;
  /** What came, before it is looked at. */
  readonly onReceive: (frames: readonly PushFrame[], cursor: string | undefined) => void;
  readonly onReady: () => void;
  readonly onLive: () => void;
}

/** One connection by one transport, from its opening to its end. */
export class Attempt implements TransportEvents {
  /** Resolves at the end; never rejects. */
  readonly done: Promise<Ended>;
  readonly transport: Transport;
  readonly #parts: AttemptParts;
  readonly #abort = new AbortController();
  readonly #resuming: boolean;
  readonly #cancels: Cancel[] = [];
  #phase: "opening" | "opened" | "ready" | "live" | "over" = "opening";
  #finish: (ended: Ended) => void = () => {};
  #wire: Opened = {};
  #resyncs: ResyncData[] = [];
  #drainMs: number | undefined;
  #heardAt: number;
  #beatAt = 0;
  #idleMs = 0;
  #liveAt: number | undefined;
  #cancelReady: Cancel = () => {};
  #cancelBeat: Cancel = () => {};
  #cancelGather: Cancel = () => {};

  constructor(parts: AttemptParts) {
    this.#parts = parts;
    this.transport = parts.transport;
    this.#heardAt = parts.now();
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
    const cursor = parts.cursor.text;
    this.#resuming = cursor !== undefined;
    // Another tab answers when it has a connection, however long that takes.
    if (this.transport.name !== "tab") this.#expect(parts.timing.openMs);
    const silenceMs = this.#silenceMs();
    if (silenceMs > 0) this.#cancels.push(every(silenceMs / 4, () => this.#listenForSilence(silenceMs)));
    try {
      this.#wire = parts.transport.open({ ...parts.start, cursor, signal: this.#abort.signal }, this);
    } catch {
      // Such as a page's own policy that forbids the address.
      this.end({ kind: "unsuited" });
    }
  }

  get token(): string {
    return this.#parts.start.token;
  }

  get isLive(): boolean {
    return this.#phase === "live";
  }

  get isReady(): boolean {
    return this.#phase === "ready" || this.#phase === "live";
  }

  ended(end: TransportEnd): void {
    this.end(end);
  }

  had(stream: string, seq: number): void {
    const { cursor } = this.#parts;
    if (seq > (cursor.seen(stream) ?? 0)) cursor.stateHas(stream, seq);
  }

  cursor(): string | undefined {
    return this.#parts.cursor.text;
  }

  end(end: AttemptEnd): void {
    if (this.#phase === "over") return;
    const ready = this.isReady;
    this.#phase = "over";
    this.#cancelReady();
    this.#cancelBeat();
    this.#cancelGather();
    for (const cancel of this.#cancels) cancel();
    this.#abort.abort();
    const livedMs = this.#liveAt === undefined ? 0 : this.#parts.now() - this.#liveAt;
    this.#finish({ end, ready, livedMs, drainMs: this.#drainMs });
  }

  send(type: number, data?: object): void {
    this.#wire.send?.(type, data);
  }

  /** The machine may have slept: then the server has ended this connection, though no close has arrived. */
  look(): void {
    const now = this.#parts.now();
    this.#beatAt = Math.min(this.#beatAt, now);
    const late = this.#idleMs > 0 && now - this.#beatAt > this.#idleMs;
    if (this.isReady && late && this.transport.name === "websocket") this.end({ kind: "failed" });
  }

  opened(): void {
    if (this.#phase !== "opening") return;
    this.#phase = "opened";
    this.alive();
    if (this.transport.name !== "tab") this.#expect(this.#parts.timing.readyMs);
  }

  alive(): void {
    this.#heardAt = this.#parts.now();
  }

  receive(frames: readonly PushFrame[], cursor?: string): void {
    if (this.#phase === "over") return;
    this.alive();
    try {
      this.#receive(frames, cursor);
    } catch {
      // Something that is no frame of this server: it is left, and asked for again.
      this.end({ kind: "failed" });
    }
  }

  ready(): void {
    this.#ready();
  }

  #receive(frames: readonly PushFrame[], cursor: string | undefined): void {
    this.#parts.onReceive(frames, cursor);
    for (const frame of frames) {
      if (frame.type === Push.RESYNC) this.#resyncs.push(frame.data);
      else if (this.#resyncs.length > 0) return this.#resync();
      else this.#take(frame);
      if (this.#isOver()) return;
    }
    if (this.#resyncs.length > 0) {
      // More may follow, and all are acted on together; in a reply of a poll they are together already.
      if (cursor !== undefined) return this.#resync();
      this.#cancelGather();
      this.#cancelGather = after(this.#parts.timing.resyncGatherMs, () => this.#resync());
    } else if (cursor !== undefined) this.#parts.cursor.take(cursor);
  }

  live(): void {
    this.#ready();
    if (this.#phase === "over") return;
    // Another tab's connection was cut meanwhile, and is live again.
    if (this.#phase === "live") return this.#parts.onLive();
    this.#phase = "live";
    this.#liveAt = this.#parts.now();
    this.#parts.onLive();
  }

  #isOver(): boolean {
    return this.#phase === "over";
  }

  #expect(ms: number): void {
    this.#cancelReady();
    this.#cancelReady = after(ms, () => this.end({ kind: "silent", opened: this.#phase === "opened" }));
  }

  #resync(): void {
    this.end({ kind: "resync", resyncs: this.#resyncs });
  }

  /** The application first, then what the frame says about the connection: a cursor moves on after the handlers. */
  #take(frame: PushFrame): void {
    if (!this.#parts.delivery.deliver(frame)) return this.end({ kind: "gap" });
    const { cursor } = this.#parts;
    if (frame.type === Push.CURSOR) cursor.take(frame.data.cursor);
    // What another tab's connection says about itself is that tab's.
    if (this.transport.name === "tab") return;
    switch (frame.type) {
      case Push.READY:
        if (cursor.text === undefined) cursor.restart(frame.data.cursor);
        this.#beat(frame.data);
        this.#ready();
        if (!this.#resuming) this.live();
        break;
      case Push.CURSOR:
        if (frame.data.live) this.live();
        break;
      case Push.DRAIN:
        this.#drainMs = frame.data.retryAfterMs;
        // Before RESUME was handled it says where now is, not what this client has.
        if (this.isLive) cursor.take(frame.data.cursor);
        break;
      case Push.INVALIDATE_TOKEN:
        return this.end({ kind: "closed", code: 4001, reason: "" });
      case Push.ERROR:
        return this.#error(frame.data);
    }
  }

  #error({ code, requestType }: PushData[100]): void {
    if (requestType === Command.RESUME) {
      if (code !== "cursor_malformed") return this.end({ kind: "failed" });
      // It is live from READY's cursor, so everything before has to be read anew.
      return this.end({ kind: "refused", status: 400, code, retryAfterMs: undefined });
    }
    if (requestType !== undefined || this.transport.name !== "sse") return;
    // The end of an event stream carries no code; it stands in a frame before.
    if (code === "too_many_connections") this.end({ kind: "closed", code: 4029, reason: "" });
    if (code === "overloaded") this.end({ kind: "closed", code: 1013, reason: "" });
  }

  #ready(): void {
    if (this.#phase !== "opened" && this.#phase !== "opening") return;
    this.#phase = "ready";
    this.#cancelReady();
    this.#parts.onReady();
  }

  #beat({ heartbeatMs, idleMs }: PushData[101]): void {
    if (!this.#wire.send) return;
    this.#idleMs = idleMs;
    this.#beatAt = this.#parts.now();
    this.#cancelBeat();
    this.#cancelBeat = this.#parts.heartbeat(heartbeatMs, () => {
      this.look();
      this.#beatAt = this.#parts.now();
      this.send(Command.HEARTBEAT);
    });
  }

  #silenceMs(): number {
    const { webSocketSilenceMs, sseSilenceMs } = this.#parts.timing;
    if (this.transport.name === "websocket") return webSocketSilenceMs;
    // Polls end by themselves.
    return this.transport.name === "sse" ? sseSilenceMs : 0;
  }

  #listenForSilence(ms: number): void {
    const now = this.#parts.now();
    // A clock that was set back hides no silence. One that ticks evenly would stand still while the machine sleeps.
    this.#heardAt = Math.min(this.#heardAt, now);
    if (this.isReady && now - this.#heardAt > ms) this.end({ kind: "failed" });
  }
}
