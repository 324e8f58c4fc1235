/**
 * Several processes on one machine: the supervisor and its workers, and the messages between them over a Unix socket.
 *
 * - The supervisor serves no connection. Workers share the ports and read the database themselves. On SQLite the supervisor owns the lock file, the
 *   migrations and the writer, and workers ask it to write; on PostgreSQL each worker is a node of the cluster and writes by itself.
 * - On SQLite the supervisor tells every worker of each batch before it answers a write of that batch. Both go over the same socket, in this order, so a
 *   worker that answers 201 has handed the message to its own connections.
 * - Whatever waits on the socket is bounded, in both directions. A worker that is behind is told only the position, and reads the log.
 * - A worker without its supervisor ends, and a worker that is frozen is replaced.
 *
 * This file is the lowest layer: JSON texts, each after its length. Must not import features, http or gateway.
 */

/** Longer than anything that is sent: a batch that is longer is named by its position. */
export const FRAME_BYTES_MAX = 1 << 25;
const HEAD_BYTES = 4;

/** The other end does not keep to the protocol. */
export class FrameFault extends Error {
  override readonly name = "FrameFault";
}

/** @throws FrameFault for a text that is too long to send */
export function frameOf(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  if (bytes > FRAME_BYTES_MAX) throw new FrameFault(`a frame of ${bytes} bytes is too long`);
  const frame = Buffer.allocUnsafe(HEAD_BYTES + bytes);
  frame.writeUInt32BE(bytes, 0);
  frame.write(text, HEAD_BYTES);
  return frame;
}

/** Puts together what arrives in pieces. */
export class FrameReader {
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** @returns the texts that are complete with this piece. @throws FrameFault */
  take(piece: Uint8Array): string[] {
    // Copied, since the runtime uses its buffer again.
    this.#pieces.push(Buffer.from(piece));
    this.#bytes += piece.byteLength;
    const texts: string[] = [];
    for (let wanted = this.#wanted(); wanted !== undefined && this.#bytes >= wanted; wanted = this.#wanted()) {
      const all = this.#joined();
      texts.push(all.toString("utf8", HEAD_BYTES, wanted));
      this.#pieces = all.byteLength > wanted ? [all.subarray(wanted)] : [];
      this.#bytes -= wanted;
    }
    return texts;
  }

  /** The length of the next frame with its head; undefined while its head is incomplete. */
  #wanted(): number | undefined {
    if (this.#bytes < HEAD_BYTES) return undefined;
    const first = this.#pieces[0] as Buffer;
    const bytes = (first.byteLength >= HEAD_BYTES ? first : this.#joined()).readUInt32BE(0);
    if (bytes > FRAME_BYTES_MAX) throw new FrameFault(`a frame of ${bytes} bytes was announced`);
    return HEAD_BYTES + bytes;
  }

  #joined(): Buffer {
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0] as Buffer;
  }
}
