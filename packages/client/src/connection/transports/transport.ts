/*
 * A transport brings frames from the server, in the order of the log, and says how it ended. It decides nothing: reading/
 * decides what is new, and the table what comes next. It must not import the connector, nor keep its own cursor beyond the
 * one that it was opened with.
 */
import type { PushFrame } from "../../reading/push-frame.ts";

export type TransportName = "websocket" | "sse" | "long-poll" | "short-poll";

export interface Start {
  readonly token: string;
  /** Where to continue; undefined: from now. */
  readonly cursor: string | undefined;
  /** How many missed events to get one by one instead of RESYNC `far`. */
  readonly max: number | undefined;
  /** Seconds of silence that the server should accept; undefined: its own number. */
  readonly idleSeconds: number | undefined;
  /** Ends the transport; it reports nothing after that. */
  readonly signal: AbortSignal;
}

/** Called by a transport, in this order: `opened`, then frames, at the end `ended`, once. */
export interface TransportEvents {
  /** The handshake is done, or the headers are here. */
  opened(): void;
  /** @param cursor of the server: everything up to the last of these frames */
  receive(frames: readonly PushFrame[], cursor?: string): void;
  /** The transport works. If READY says so, transports need not. */
  ready(): void;
  /** Nothing is missing any more. If READY or CURSOR `live` say so, transports need not. */
  live(): void;
  /** A sign of life that is not a frame. */
  alive(): void;
  ended(end: TransportEnd): void;
  /** An event that the client has had. */
  had(stream: string, seq: number): void;
  /** The client's present cursor. */
  cursor(): string | undefined;
}

export type TransportEnd =
  /** A close frame (RFC 6455); 1006 if there was none. */
  | { readonly kind: "closed"; readonly code: number; readonly reason: string }
  /** No answer, or a body that broke off or came to its end. */
  | { readonly kind: "failed" }
  /** An answer other than success. */
  | {
      readonly kind: "refused";
      readonly status: number;
      readonly code: string;
      readonly retryAfterMs: number | undefined;
    }
  /** It has done its job. */
  | { readonly kind: "done" }
  /** Something answered that is not this transport. */
  | { readonly kind: "unsuited" };

export interface Transport {
  readonly name: TransportName | "tab";
  /** Returns how to send a frame, if the transport can. */
  open(start: Start, on: TransportEvents): Opened;
}

export interface Opened {
  /** Sends a frame; if it cannot be sent it is lost. */
  readonly send?: (type: number, data?: object) => void;
}
