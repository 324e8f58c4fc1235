import { Command } from "@parley/protocol/command-type";
import { Push, type PushData } from "@parley/protocol/events";
import { after, type Cancel, every } from "../lib/timers.ts";
import type { Timing } from "../lib/timing.ts";
import type { ClientCursor } from "../reading/client-cursor.ts";
import type { Delivery } from "../reading/delivery.ts";
import type { PushFrame } from "../reading/push-frame.ts";
import type { ResyncData } from "../reading/reload.ts";
import type { ConnectionEnd, FromConnection } from "./states.ts";
import type { Opened, Start, Transport, TransportEnd, TransportEvents } from "./transports/transport.ts";

export interface ConnectionParts {
  readonly transport: Transport;
  /** Its signal ends this connection: nothing is reported and nothing runs after it. */
  readonly start: Start;
  readonly cursor: ClientCursor;
  readonly delivery: Delivery;
  readonly timing: Timing;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Signs of life; returns the end. Called when the server has said how often it wants them. */
  readonly heartbeat: (ms: number, beat: () => void) => Cancel;
  /** Where the machine stands with this connection. */
  readonly isReady: () => boolean;
  readonly isLive: () => boolean;
  /** What came, before it is looked at. */
  readonly onReceive: (frames: readonly PushFrame[], cursor: string | undefined) => void;
  readonly report: (happening: FromConnection) => void;
  /** The token ends soon. `wasRefused`: the server has refused the next one. */
  readonly onTokenEnding: (wasRefused: boolean) => void;
  /** It is signed in. @param leftMs until the login ends; undefined: the transport does not say */
  readonly onLogin: (leftMs: number | undefined) => void;
}

/** One connection by one transport: hands its frames on, and reports what the machine has to know of it. */
export class Connection implements TransportEvents {
  readonly #parts: ConnectionParts;
  readonly #signal: AbortSignal;
  #wire: Opened = {};
  #resyncs: ResyncData[] = [];
  #drainMs: number | undefined;
  #heardAt: number;
  #beatAt = 0;
  #idleMs = 0;
  #cancelBeat: Cancel = () => {};
  #cancelGather: Cancel = () => {};

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.#signal = parts.start.signal;
    this.#heardAt = parts.now();
  }

  /** DRAIN's `retryAfterMs`. */
  get drainMs(): number | undefined {
    return this.#drainMs;
  }

  open(): void {
    const { transport, start } = this.#parts;
    const silenceMs = this.#silenceMs();
    const cancelSilence = silenceMs > 0 ? every(silenceMs / 4, () => this.#listenForSilence(silenceMs)) : () => {};
    const end = () => {
      cancelSilence();
      this.#cancelBeat();
      this.#cancelGather();
    };
    this.#signal.addEventListener("abort", end, { once: true });
    try {
      this.#wire = transport.open(start, this);
    } catch {
      // Such as a page's own policy that forbids the address.
      this.#end({ kind: "unsuited" });
    }
  }

  send(type: number, data?: object): void {
    this.#wire.send?.(type, data);
  }

  /** Goes on with the next token: where nothing can be sent to the server, by a new connection from the same place. */
  goOnWith(token: string): void {
    if (this.#wire.send) this.send(Command.AUTHORIZE, { token });
    else this.#end({ kind: "anew" });
  }

  /** The computer may have been asleep: then the server has ended this connection, though no close has arrived. */
  look(): void {
    const now = this.#parts.now();
    this.#beatAt = Math.min(this.#beatAt, now);
    // 0 where nothing is sent.
    if (this.#idleMs > 0 && now - this.#beatAt > this.#idleMs) this.#end({ kind: "failed" });
  }

  // What the transport says:

  opened(): void {
    this.#report({ kind: "opened" });
  }

  ready(): void {
    this.#report({ kind: "ready" });
  }

  live(): void {
    this.ready();
    if (this.#is("long-poll") || this.#is("short-poll")) this.#parts.onLogin(undefined);
    this.#report({ kind: "live" });
  }

  alive(): void {
    this.#heardAt = this.#parts.now();
  }

  ended(end: TransportEnd): void {
    this.#end(end);
  }

  had(stream: string, seq: number): void {
    const { cursor } = this.#parts;
    if (seq > (cursor.seen(stream) ?? 0)) cursor.stateHas(stream, seq);
  }

  cursor(): string | undefined {
    return this.#parts.cursor.text;
  }

  receive(frames: readonly PushFrame[], cursor?: string): void {
    if (this.#signal.aborted) return;
    this.alive();
    try {
      this.#receive(frames, cursor);
    } catch {
      // Something that is not a frame of this server: the connection is left, and what it lacks is asked for again.
      this.#end({ kind: "failed" });
    }
  }

  #receive(frames: readonly PushFrame[], cursor: string | undefined): void {
    this.#parts.onReceive(frames, cursor);
    for (const frame of frames) {
      if (frame.type === Push.RESYNC) this.#resyncs.push(frame.data);
      else if (this.#resyncs.length > 0) return this.#resync();
      else this.#accept(frame);
      if (this.#signal.aborted) return;
    }
    if (this.#resyncs.length > 0) {
      // More may follow, and all are acted on together; in a reply of a poll they are together already.
      if (cursor !== undefined) return this.#resync();
      this.#cancelGather();
      this.#cancelGather = after(this.#parts.timing.resyncGatherMs, () => this.#resync());
    } else if (cursor !== undefined) this.#parts.cursor.take(cursor);
  }

  #resync(): void {
    this.#end({ kind: "resync", resyncs: this.#resyncs });
  }

  /** The application first, then what the frame says about the connection: a cursor moves on after the handlers. */
  #accept(frame: PushFrame): void {
    if (!this.#parts.delivery.deliver(frame)) return this.#end({ kind: "anew" });
    const { cursor } = this.#parts;
    if (frame.type === Push.CURSOR) cursor.take(frame.data.cursor);
    // What another tab's connection says about itself is that tab's.
    if (this.#is("tab")) return;
    if (frame.type === Push.READY && cursor.text === undefined) cursor.restart(frame.data.cursor);
    // A handler may have ended it.
    if (this.#signal.aborted) return;
    switch (frame.type) {
      case Push.READY:
        this.#beat(frame.data);
        if (frame.data.loginExpiresAt !== undefined) {
          this.#parts.onLogin(frame.data.loginExpiresAt - frame.data.serverTime);
        }
        this.ready();
        // Without a cursor it was opened at the log's end.
        if (this.#parts.start.cursor === undefined) this.live();
        break;
      case Push.CURSOR:
        if (frame.data.live) this.live();
        break;
      case Push.DRAIN:
        this.#drainMs = frame.data.retryAfterMs;
        // Before RESUME was handled it says where now is, not what this client has.
        if (this.#parts.isLive()) cursor.take(frame.data.cursor);
        break;
      case Push.REAUTHORIZE:
        return this.#parts.onTokenEnding(false);
      case Push.INVALIDATE_TOKEN:
        return this.#end({ kind: "closed", code: 4001, reason: "" });
      case Push.ERROR:
        return this.#error(frame.data);
    }
  }

  #error({ code, requestType }: PushData[100]): void {
    if (requestType === Command.RESUME) {
      if (code !== "cursor_malformed") return this.#end({ kind: "failed" });
      // The connection is now live from READY's cursor, so all earlier state must be read anew.
      return this.#end({ kind: "refused", status: 400, code, retryAfterMs: undefined });
    }
    if (requestType === Command.AUTHORIZE && code !== "conflict") return this.#parts.onTokenEnding(true);
    if (requestType !== undefined || !this.#is("sse")) return;
    // The end of an event stream carries no code; it stands in a frame before.
    if (code === "too_many_connections") this.#end({ kind: "closed", code: 4029, reason: "" });
    if (code === "overloaded") this.#end({ kind: "closed", code: 1013, reason: "" });
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
    if (this.#is("websocket")) return webSocketSilenceMs;
    // Polls end by themselves.
    return this.#is("sse") ? sseSilenceMs : 0;
  }

  #listenForSilence(ms: number): void {
    const now = this.#parts.now();
    // A clock that was set back hides no silence. One that ticks evenly would stand still while the computer sleeps.
    this.#heardAt = Math.min(this.#heardAt, now);
    if (this.#parts.isReady() && now - this.#heardAt > ms) this.#end({ kind: "failed" });
  }

  #is(name: Transport["name"]): boolean {
    return this.#parts.transport.name === name;
  }

  #end(end: ConnectionEnd): void {
    this.#report({ kind: "ended", end });
  }

  #report(happening: FromConnection): void {
    if (!this.#signal.aborted) this.#parts.report(happening);
  }
}
