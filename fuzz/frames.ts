import { Command, Push } from "@parley/protocol";
import { randomFrame } from "../packages/server/test/random-frames.ts";
import { RawClient } from "../packages/server/test/raw-client.ts";
import { clientFrame } from "../packages/server/test/raw-frames.ts";
import type { Random } from "../packages/server/test/seeded.ts";
import type { Actor, Cast } from "./cast.ts";
import { NOBODY } from "./cast.ts";
import { ODD } from "./odd.ts";
import type { Pools } from "./pools.ts";

const FRAMES = 15;
const OPEN = 10;
const PUSHES = new Set<number>(Object.values(Push));

interface FrameParts {
  readonly url: string;
  readonly cast: Cast;
  readonly pools: Pools;
  readonly random: Random;
}

/** Frames as clients send them, with one thing in each mutated, and now and then frames that only a broken client sends. */
export class Frames {
  readonly #parts: FrameParts;
  /** The last connections stay open for a while, so that administrators have some to see and to close. */
  readonly #open: RawClient[] = [];

  constructor(parts: FrameParts) {
    this.#parts = parts;
  }

  /** Sends until the server closes the connection or all frames are out, and checks every answer. */
  async connection(): Promise<{ sent: number; faults: string[] }> {
    const { url, cast, random } = this.#parts;
    const actor = random() < 0.15 ? NOBODY : this.#pick(cast.people);
    const isResuming = random() < 0.5;
    const path = `/ws?${actor.token ? `token=${actor.token}` : ""}${isResuming ? "&resume=1" : ""}`;
    const client = await RawClient.open(url, undefined, path);
    const written: string[] = [];
    for (let count = 0; count < FRAMES && !client.gone; count++) {
      const { opcode, body } = random() < 0.15 ? randomFrame(random, actor.token ?? "") : this.#frame(actor);
      written.push(body.toString("utf8").slice(0, 200));
      client.write(clientFrame(body, 0x80 | opcode));
    }
    // A ping is answered once everything before it has been handled, unless the connection has ended.
    client.ping();
    await client.settled();
    this.#open.push(client);
    if (this.#open.length > OPEN) this.#open.shift()?.destroy();
    const faults = client.frames.flatMap(({ type, data }) => {
      if (!PUSHES.has(type)) return [`a frame of type ${type}`];
      return type === Push.ERROR && (data as { code: string }).code === "internal" ? ["ERROR internal"] : [];
    });
    return {
      sent: written.length,
      faults: faults.map((what) => `${actor.name}: frames ${written.join(" ")}: ${what}`),
    };
  }

  close(): void {
    for (const client of this.#open.splice(0)) client.destroy();
  }

  #frame(actor: Actor): { opcode: number; body: Buffer } {
    const { pools, random } = this.#parts;
    const cursor = () => pools.pick("cursors of events", actor.name) ?? "x";
    const frame: { type: unknown; data?: Record<string, unknown> } = this.#pick([
      () => ({ type: Command.HEARTBEAT }),
      () => ({ type: Command.LOGIN }),
      () => ({ type: Command.AUTHORIZE, data: { token: actor.token ?? "pl_x" } }),
      () => ({ type: Command.RESUME, data: { cursor: cursor(), ...(random() < 0.5 && { max: 10 }) } }),
      () => ({ type: Command.TYPING, data: { roomId: pools.pick("rooms", actor.name) ?? 1 } }),
    ])();
    if (random() < 0.7) {
      const { data } = frame;
      const names = Object.keys(data ?? {});
      if (data && names.length > 0 && random() < 0.7) data[this.#pick(names)] = this.#pick(ODD);
      else if (random() < 0.5) frame.data = this.#pick(ODD) as Record<string, unknown>;
      else frame.type = this.#pick(ODD);
    }
    return { opcode: 1, body: Buffer.from(JSON.stringify(frame)) };
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#parts.random() * list.length)] as T;
  }
}
