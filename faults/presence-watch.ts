import type { Child } from "./child.ts";
import type { ClientsCall } from "./clients.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import type { Person, Requests } from "./people.ts";
import type { PresentView } from "./present-view.ts";
import { Problems } from "./problems.ts";

export const WRONG_PRESENCE = "presence differs from the server's";

export interface PresenceVerdict {
  readonly problems: Problems;
  /** How often all clients were checked. */
  looks: number;
  /** How often the server confirmed what one client believed about one person. */
  agreed: number;
  /** The same, for people who were online. */
  online: number;
  /** Departures that reached somebody who is in all rooms. */
  departures: number;
}

interface State {
  readonly uid: number;
  readonly activeStatus: number;
  readonly lastOptTime: number | null;
}

interface Seen {
  readonly onlineNum: number;
  readonly items: readonly State[];
}

export interface PresenceWatchParts {
  readonly requests: Requests;
  readonly clients: Child<ClientsCall>;
  /** In the order of the clients. */
  readonly people: readonly Person[];
  /** Somebody who shares rooms with all of them, and is not one of them. */
  readonly observer: Person;
  /** Whether something is wrong with one of several servers, so that they may differ. */
  readonly isTroubled: () => boolean;
  /** Where the servers answer. */
  readonly ports: readonly number[];
}

const LOOK_MS = 250;
/** Of 15 s each. */
const LAST_TRIES = 4;
/** How long the number of people online has to hold steady: the gathering second, and the way to a client behind a slow link. */
const STANDS_MS = 3_000;
/** By then clients have asked again about those of whom a reply had told them something else than the connection (SDK-71). */
const DOUBTED_MS = 6_500;

/**
 * Compares what clients believe about presence with the server. Whenever the number of people online has been steady for 3 s, each client is
 * asked what it believes (those that poll ask the server first), and the server is asked the same in its name. A difference counts if it is still
 * there after another few seconds in which the number has not changed.
 */
export class PresenceWatch {
  readonly #parts: PresenceWatchParts;
  readonly verdict: PresenceVerdict = { problems: new Problems(), looks: 0, agreed: 0, online: 0, departures: 0 };
  readonly #departures = new Set<string>();
  #socket: WebSocket | undefined;
  #sockets = 0;
  #over = false;

  constructor(parts: PresenceWatchParts) {
    this.#parts = parts;
  }

  /** Checks whenever it can, until `end`; then once more, for a minute at most. */
  async run(): Promise<void> {
    this.#observe();
    for (let lastTries = 0; lastTries < LAST_TRIES; ) {
      const stood = await this.#stands();
      if (stood) await this.#look();
      if (lastTries > 0 && (stood || this.verdict.looks > 0)) break;
      if (this.#over) lastTries += 1;
    }
    this.#socket?.close();
  }

  end(): void {
    this.#over = true;
  }

  /** A separate socket, read by the wire's words alone. */
  #observe(): void {
    if (this.#over) return;
    const { ports, observer } = this.#parts;
    const port = ports[this.#sockets++ % ports.length];
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws?token=${observer.token}`);
    this.#socket = socket;
    const beat = setInterval(() => socket.readyState === WebSocket.OPEN && socket.send('{"type":2}'), 1_000);
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(String(data));
      if (frame.type !== 5) return;
      for (const { uid, activeStatus, lastOptTime } of frame.data.changeList) {
        // Each of their rooms hears of it.
        if (activeStatus === 2) this.#departures.add(`${uid} ${lastOptTime}`);
      }
      this.verdict.departures = this.#departures.size;
    };
    socket.onclose = () => {
      clearInterval(beat);
      setTimeout(() => this.#observe(), 100);
    };
  }

  /** Waits until the number of people online has been steady for long enough, 15 s at most. */
  async #stands(): Promise<boolean> {
    const begunAt = performance.now();
    let since = begunAt;
    let last = -1;
    while (performance.now() - begunAt < 15_000) {
      const onlineNum = await this.#onlineNum();
      if (onlineNum !== last || onlineNum < 0 || this.#parts.isTroubled()) since = performance.now();
      last = onlineNum;
      if (performance.now() - since >= STANDS_MS) return true;
      await Bun.sleep(LOOK_MS);
    }
    return false;
  }

  async #onlineNum(): Promise<number> {
    const { status, body } = await this.#parts.requests.once(this.#parts.observer, "GET", "/presence");
    return status === 200 ? Number(body.onlineNum) : -1;
  }

  async #look(): Promise<void> {
    const num = await this.#onlineNum();
    const first = await this.#differences();
    if (!first) return;
    this.verdict.looks += 1;
    this.verdict.agreed += first.agreed;
    this.verdict.online += first.online;
    if (first.differing.size === 0) return;
    await Bun.sleep(DOUBTED_MS);
    const second = await this.#differences();
    if (!second || (await this.#onlineNum()) !== num || this.#parts.isTroubled()) return;
    for (const [key, what] of second.differing) {
      if (first.differing.has(key)) this.verdict.problems.add(WRONG_PRESENCE, what);
    }
  }

  async #differences() {
    const { requests, clients, people } = this.#parts;
    const uids = people.map(({ uid }) => uid);
    const views = await clients.ask<PresentView[]>({ ask: "presence", uids });
    const differing = new Map<string, string>();
    let [agreed, online] = [0, 0];
    for (const [i, view] of views.entries()) {
      if (view.transport === undefined) continue;
      const person = people[i] as Person;
      const { status, body, node } = await requests.once(person, "GET", `/presence?userIds=${uids.join(",")}`);
      if (status !== 200) return undefined;
      for (const { uid, activeStatus, lastOptTime } of (body as unknown as Seen).items) {
        const believed = view.states[uid] ?? 2;
        if (believed === activeStatus) agreed += 1;
        if (believed === activeStatus && activeStatus === 1) online += 1;
        if (believed === activeStatus) continue;
        differing.set(
          `${i} ${uid}`,
          `client ${i} by ${view.transport} has ${believed} of ${uid} since ${view.times[uid]}, server ${node} ${activeStatus} since ${lastOptTime} at ${Math.round(monotonicMs())}`,
        );
      }
    }
    return { differing, agreed, online };
  }
}
