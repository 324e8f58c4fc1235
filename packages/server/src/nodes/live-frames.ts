import type { NodeChannel } from "./channel.ts";

/** Sends a frame that is not logged to everybody who is live in a stream on this node. */
type PublishHere = (stream: string, frame: string) => void;

/**
 * Sends frames that are not logged to readers who are live, on every node. It is for frames that only one node makes. A frame that each node
 * derives from an event of the log, or from presence, is sent by each node to its own readers without this.
 */
export class LiveFrames {
  readonly #channel: NodeChannel;
  #publishHere: PublishHere = () => {};

  constructor(channel: NodeChannel) {
    this.#channel = channel;
  }

  /** Called once, when the gateway exists. */
  start(publishHere: PublishHere): void {
    this.#publishHere = publishHere;
    this.#channel.on("frame", ({ streams, frame }) => {
      if (!Array.isArray(streams) || typeof frame !== "string") return;
      for (const stream of streams) publishHere(String(stream), frame);
    });
  }

  publish(streams: readonly string[], frame: string): void {
    for (const stream of streams) this.#publishHere(stream, frame);
    this.#channel.send("frame", { streams, frame });
  }
}
