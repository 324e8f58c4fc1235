import type { LoginId } from "../lib/login-id.ts";

export const TRANSPORT_NAMES = ["websocket", "sse", "poll"] as const;
export type TransportName = (typeof TRANSPORT_NAMES)[number];

/** A live connection, an event stream or a waiting poll, as the gateway sees it; times are epoch milliseconds. */
export interface LiveConnection {
  readonly id: string;
  /** Where it stands in the list: a later one has a higher number. Unique within its transport. */
  readonly serial: number;
  readonly transport: TransportName;
  /** Null: anonymous. */
  readonly uid: number | null;
  readonly loginId: LoginId | null;
  /** The client's address. */
  readonly ip: string;
  readonly userAgent: string;
  readonly state: string;
  /** Bytes that it has not taken yet. */
  readonly queuedBytes: number;
  /** When its client sent the last frame; for a transport that sends none: when it began. */
  readonly lastFrameAt: number;
  readonly since: number;
}

/** What the gateway is asked. */
export interface LiveSource {
  /** Those of one person, or all; those of each transport oldest first. */
  connections(of: { readonly uid: number | undefined }): Iterable<LiveConnection>;
  /** @returns whether there was one */
  close(id: string, reason: string): boolean;
  counts(): Readonly<Record<TransportName, number>>;
}

/** What is live on this node: nothing before the gateway exists. */
export class LiveConnections implements LiveSource {
  #source: LiveSource | undefined;

  /** Called once, when the gateway exists. */
  attach(source: LiveSource): void {
    this.#source = source;
  }

  connections(of: { readonly uid: number | undefined }): Iterable<LiveConnection> {
    return this.#source?.connections(of) ?? [];
  }

  close(id: string, reason: string): boolean {
    return this.#source?.close(id, reason) ?? false;
  }

  counts(): Readonly<Record<TransportName, number>> {
    return this.#source?.counts() ?? { websocket: 0, sse: 0, poll: 0 };
  }
}
