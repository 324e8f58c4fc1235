import { Command } from "@parley/protocol";
import type { Server } from "bun";
import { Outbox } from "../src/event-log/outbox.ts";
import { Commands } from "../src/gateway/commands.ts";
import { type ConnectedLogin, Connection } from "../src/gateway/connection.ts";
import { ConnectionLifecycle } from "../src/gateway/connection-lifecycle.ts";
import { Hub } from "../src/gateway/hub.ts";
import { ManualClock } from "../src/lib/clock.ts";
import { withDeadline } from "../src/lib/interval.ts";
import { createLogger } from "../src/ops/logger.ts";
import { endLater } from "./left-running.ts";
import { LiveClient } from "./live-client.ts";
import { type LogRig, openLog, whole } from "./log-rig.ts";

const DEADLINE_MS = 4000;
const AUTHORIZE = `{"type":${Command.AUTHORIZE}`;

/** A lifecycle on a real log and real sockets, whose questions are answered when the test says so. */
export class LifecycleRig {
  readonly hub: Hub;
  /** Connections of each user, as reported to presence. */
  readonly attached = new Map<number, number>();
  readonly lifecycle: ConnectionLifecycle;
  readonly log: LogRig;
  readonly #server: Server<Connection>;
  /** How often it asked what somebody may read. */
  windowsRead = 0;
  /** Whether tokens that were found are still valid a moment later; an error means that this cannot be found out. */
  holds: boolean | Error | Promise<boolean> = true;
  /** Resolves when presence knows everybody's rooms. */
  known: Promise<void> = Promise.resolve();
  readonly #ended = endLater(() => this.close());
  #logins: PromiseWithResolvers<ConnectedLogin | undefined>[] = [];
  #redDots: PromiseWithResolvers<void>[] = [];
  #asked: (() => void) | undefined;
  #received = 0;
  #receives: (() => void) | undefined;

  private constructor(log: LogRig) {
    this.log = log;
    this.hub = new Hub(log.scratch.epoch);
    const count = (uid: number, by: number) => this.attached.set(uid, (this.attached.get(uid) ?? 0) + by);
    this.lifecycle = new ConnectionLifecycle({
      hub: this.hub,
      tail: log.tail,
      epoch: log.scratch.epoch,
      newOutbox: () =>
        new Outbox(
          log.outboxParts(() => {
            this.windowsRead += 1;
            return [whole("room:1")];
          }),
          20_000,
        ),
      findLogin: () => this.#ask(this.#logins),
      isTokenValid: async () => {
        if (this.holds instanceof Error) throw this.holds;
        return this.holds;
      },
      redDotOf: async () => {
        await this.#ask(this.#redDots);
        return { total: 0, rooms: [], friendRequests: 0, notifications: 0, asOf: "" };
      },
      presence: {
        attached: (uid) => count(uid, 1),
        detached: (uid) => count(uid, -1),
        whenKnown: () => this.known,
        snapshotFor: () => [],
      },
      clock: new ManualClock(),
      logger: createLogger({ level: "silent", sink: { write: () => {} } }),
      heartbeatMs: 1,
      maxConnectionsPerUser: 20,
      maxQueueBytes: 1_000_000,
      publicHall: true,
      takeStart: () => {},
      allowRefusedStart: () => true,
      allowBadToken: () => true,
      countBadToken: () => {},
    });
    const commands = new Commands({
      table: new Map(this.lifecycle.commandHandlers()),
      logger: createLogger({ level: "silent", sink: { write: () => {} } }),
    });
    this.lifecycle.setCommands(commands);
    this.#server = Bun.serve<Connection>({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request, self) => {
        const origin = { id: request.url, ip: "", userAgent: "", address: "", anonymous: true };
        const resume = new URL(request.url).searchParams.has("resume");
        const connection = new Connection({ ...origin, resume, idleMs: 1, connectedAt: 0 });
        return self.upgrade(request, { data: connection }) ? undefined : new Response("no", { status: 400 });
      },
      websocket: {
        open: (socket) => {
          socket.data.opened(socket);
          this.lifecycle.opened(socket.data, null);
        },
        message: (socket, text) => {
          this.#received = String(text).startsWith(AUTHORIZE) ? 0 : this.#received + 1;
          commands.receive(socket.data, String(text));
          this.#receives?.();
        },
        close: (socket) => this.lifecycle.closed(socket.data),
      },
    });
    this.hub.addPublisher({
      publish: (topic, frame) => this.#server.publish(topic, frame),
      isRead: (topic) => this.#server.subscriberCount(topic) > 0,
    });
  }

  static async open(): Promise<LifecycleRig> {
    let rig: LifecycleRig | undefined;
    const log = await openLog({ listener: (event) => rig?.hub.publish(event) });
    rig = new LifecycleRig(log);
    return rig;
  }

  /** An anonymous connection in a public hall; `/?resume=1` is one that asks to resume. */
  async connect(path = "/"): Promise<{ live: LiveClient; connection: Connection }> {
    const known = new Set(this.hub.all());
    const live = await LiveClient.open(`http://127.0.0.1:${this.#server.port}`, { path });
    await live.frame(101);
    const connection = [...this.hub.all()].find((one) => !known.has(one)) as Connection;
    return { live, connection };
  }

  /** Resolves when the lifecycle asks something that is not answered yet. */
  async asked(): Promise<void> {
    if (this.#logins.length + this.#redDots.length > 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#asked = resolve;
    await withDeadline(promise, DEADLINE_MS, "the lifecycle asked nothing");
  }

  /** Resolves when this many frames have come in since the last sign-in began. */
  async waiting(count: number): Promise<void> {
    while (this.#received < count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#receives = resolve;
      await withDeadline(promise, DEADLINE_MS, `${this.#received} frames came, not ${count}`);
    }
  }

  answerLogin(login: ConnectedLogin | undefined): void {
    this.#logins.shift()?.resolve(login);
  }

  answerRedDot(): void {
    this.#redDots.shift()?.resolve();
  }

  /** Makes the oldest waiting question fail. */
  fail(error: Error): void {
    (this.#logins.shift() ?? this.#redDots.shift())?.reject(error);
  }

  async close(): Promise<void> {
    this.#ended();
    await this.#server.stop(true);
    await this.log.close();
  }

  #ask<T>(list: PromiseWithResolvers<T>[]): Promise<T> {
    const question = Promise.withResolvers<T>();
    list.push(question);
    this.#asked?.();
    return question.promise;
  }
}

export function login(uid: number): ConnectedLogin {
  return { loginId: uid, uid, power: 0, name: `p${uid}`, avatar: "", expiresAt: Number.POSITIVE_INFINITY };
}
