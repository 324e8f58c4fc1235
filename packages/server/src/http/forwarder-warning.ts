import { isIP } from "node:net";
import type { NodeChannel } from "../nodes/channel.ts";
import type { Health } from "../ops/health.ts";
import type { Logger } from "../ops/logger.ts";
import { type ClientAddress, LOOPBACK_PROXIES } from "./client-ip.ts";

/** Peers beyond this are not named: anybody can send the header, and each name takes memory and a line. */
const MAX_PEERS = 20;

interface ForwarderParts {
  readonly health: Health;
  readonly logger: Logger;
  /** TRUSTED_PROXIES as it is. */
  readonly proxies: readonly string[];
  /** Told of each peer that this process is the first to see, for the other processes. */
  readonly onFound?: (peerIp: string) => void;
}

/**
 * Remembers peers that send X-Forwarded-For without being trusted: usually the operator's own proxy, missing in
 * TRUSTED_PROXIES, so that everybody behind it has one address. Each is named once in the log, in /readyz and to
 * administrators in doctor, until the process ends.
 */
export class ForwarderWarnings {
  readonly #parts: ForwarderParts;
  readonly #peers = new Set<string>();

  constructor(parts: ForwarderParts) {
    this.#parts = parts;
  }

  /** Called for each request and handshake; nearly free if there is nothing to say. */
  note({ untrustedForwarder, peerIp }: ClientAddress): void {
    if (!untrustedForwarder || !this.#remember(peerIp)) return;
    const { logger, proxies, onFound } = this.#parts;
    logger.warn({ peer: peerIp }, untrustedForwarderText({ peerIp, proxies, showList: true }));
    onFound?.(peerIp);
  }

  /** Another process has seen it, and has logged it. */
  foundElsewhere(peerIp: string): void {
    this.#remember(peerIp);
  }

  /** In the order they were first seen. */
  peers(): readonly string[] {
    return [...this.#peers];
  }

  /** @returns whether it is new, and there is room for it */
  #remember(peerIp: string): boolean {
    if (this.#peers.has(peerIp) || this.#peers.size >= MAX_PEERS) return false;
    this.#peers.add(peerIp);
    // The log is the operator's; /readyz may be seen by anybody, so it names no address.
    this.#parts.health.warn("forwarder_untrusted");
    return true;
  }
}

/** The same for all processes: each hears of what another one has found. */
export function sharedForwarderWarnings(
  channel: NodeChannel,
  parts: Omit<ForwarderParts, "onFound">,
): ForwarderWarnings {
  const warnings = new ForwarderWarnings({ ...parts, onFound: (peer) => channel.send("forwarder", { peer }) });
  channel.on("forwarder", ({ peer }) => {
    if (typeof peer === "string" && isIP(peer)) warnings.foundElsewhere(peer);
  });
  return warnings;
}

interface Suggestion {
  readonly peerIp: string;
  readonly proxies: readonly string[];
  /** Whether the reader may know the present list; the default is not a secret. */
  readonly showList: boolean;
}

/** Names the exact value to set. */
export function untrustedForwarderText(suggestion: Suggestion): string {
  const { peerIp } = suggestion;
  return (
    `${peerIp} sends X-Forwarded-For but is not a trusted proxy, so the header is ignored and everybody behind it has the ` +
    `address ${peerIp}. If it is your proxy, set ${withProxy(suggestion)}`
  );
}

/** The setting that trusts one more address. */
export function withProxy({ peerIp, proxies, showList }: Suggestion): string {
  const standard = proxies.join() === LOOPBACK_PROXIES.join();
  const before = showList || standard ? proxies.join(",") : "<as it is now>";
  return `TRUSTED_PROXIES=${before === "" ? "" : `${before},`}${peerIp}`;
}
