import { Push } from "@parley/protocol";
import { type Overrides, type Person, type Settings, say, TestServer } from "../harness.ts";
import type { SeenFrame } from "../live-client.ts";
import type { Reader, Start, Transport } from "./reader.ts";

let people = 0;

/** A server with somebody who reads (ben) and somebody who does things to them (ann), for cases that hold on every transport. */
export class Stage {
  readonly #readers: Reader[] = [];

  private constructor(
    readonly server: TestServer,
    readonly ann: Person,
    /** A room that both stay in, where the end of a case is announced. */
    readonly lobby: number,
    readonly ben: Person,
  ) {}

  static async open(settings: Settings = {}, overrides: Overrides = {}): Promise<Stage> {
    const server = await TestServer.start({ HALL: "off", ...settings }, overrides);
    const [ann, ben] = await Promise.all([server.person("ann"), server.person("ben")]);
    return new Stage(server, ann, await server.room(ann, [ben], "lobby"), ben);
  }

  async close(): Promise<void> {
    this.closeReaders();
    await this.server.stop();
  }

  /** For use between cases in which readers of one login would take each other's place. */
  closeReaders(): void {
    for (const reader of this.#readers.splice(0)) reader.close();
  }

  person(): Promise<Person> {
    people += 1;
    return this.server.person(`person ${people}`);
  }

  async read(transport: Transport, start?: Start, person: Person | null = this.ben): Promise<Reader> {
    const reader = await transport.open(this.server.url, person, start);
    this.#readers.push(reader);
    return reader;
  }

  /** The cursor that ben has now. */
  async now(): Promise<string> {
    return (await this.ben.api.ok<{ cursor: string }>("GET", "/events")).cursor;
  }

  room(members: readonly Person[] = [this.ben]): Promise<number> {
    return this.server.room(this.ann, members);
  }

  /** Makes many rooms, as many at once as one person may make. */
  async rooms(count: number, members: readonly Person[] = [this.ben]): Promise<number[]> {
    const ids: number[] = [];
    while (ids.length < count) {
      const some = range(1, Math.min(50, count - ids.length)).map(() => this.room(members));
      ids.push(...(await Promise.all(some)));
    }
    return ids;
  }

  /** Resolves when the reader has had everything that was done before: events come in the order of the log. */
  async settle(reader: Reader): Promise<void> {
    people += 1;
    const end = `the end ${people}`;
    await say(this.ann, this.lobby, end);
    await reader.until((frames) => frames.some((frame) => textOf(frame) === end), `"${end}"`);
  }
}

export const streamOf = (room: number) => `room:${room}`;

/** Logged events, of one stream or of all. */
export function events(reader: { frames: readonly SeenFrame[] }, stream?: string): SeenFrame[] {
  return reader.frames.filter((frame) => (stream === undefined ? "stream" in frame : frame.stream === stream));
}

export function textOf({ type, data }: SeenFrame): string | undefined {
  return type === Push.MESSAGE ? data.message.body.content : undefined;
}

export function texts(reader: { frames: readonly SeenFrame[] }, room: number): (string | undefined)[] {
  return events(reader, streamOf(room)).map(textOf);
}

export function resyncs(reader: { frames: readonly SeenFrame[] }): SeenFrame["data"][] {
  return reader.frames.filter(({ type }) => type === Push.RESYNC).map(({ data }) => data);
}

/** Numbers from one to another, both included. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
}
