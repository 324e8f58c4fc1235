import { userStream } from "@parley/protocol";
import { Outbox } from "../src/event-log/outbox.ts";
import type { ConnectedLogin } from "../src/gateway/connection.ts";
import { ConnectionLifecycle } from "../src/gateway/connection-lifecycle.ts";
import { Hub } from "../src/gateway/hub.ts";
import { LocalTopics } from "../src/gateway/local-topics.ts";
import { pollRoutes } from "../src/gateway/poll/poll-routes.ts";
import { type PollReply, type PollRequest, Polls } from "../src/gateway/poll/polls.ts";
import { SseTransport } from "../src/gateway/sse/sse.ts";
import { sseRoutes } from "../src/gateway/sse/sse-routes.ts";
import { errorResponses } from "../src/http/errors.ts";
import { answerHeld } from "../src/http/held-reply.ts";
import { LargeReplies } from "../src/http/large-replies.ts";
import { newRoutes } from "../src/http/openapi.ts";
import { ManualClock } from "../src/lib/clock.ts";
import { nextTurn } from "../src/lib/interval.ts";
import { ProblemError } from "../src/lib/problem.ts";
import { HeavyWork } from "../src/limits/heavy-work.ts";
import { createLogger } from "../src/ops/logger.ts";
import { Metrics } from "../src/ops/metrics.ts";
import { type LogRig, openLog, whole } from "./log-rig.ts";

export const BEN = 20_000;

const SILENT = createLogger({ level: "silent", sink: { write: () => {} } });

/** Event streams and polls on a real log, for one user who reads `room:1` and their own stream. */
export class EventsRig {
  readonly hub: Hub;
  readonly clock = new ManualClock();
  readonly metrics = new Metrics();
  readonly topics: LocalTopics;
  readonly heavyWork = new HeavyWork();
  readonly polls: Polls;
  readonly sse: SseTransport;
  /** Connections of the user, as reported to presence. */
  attached = 0;
  /** Anonymous readers that were let in and have not left. */
  anonymous = 0;
  /** The refusal that event streams get; undefined if they open. */
  refused: ProblemError | undefined;
  /** Whether the user's token is still valid when it is checked again. */
  holds = true;
  /** How often the user's windows were asked for: once for each reader that is built. */
  windowsAsked = 0;
  /** Resolves before windows are returned, for tests that do something meanwhile. */
  beforeWindows: Promise<void> | undefined;
  /** Addresses that are banned. */
  readonly banned = new Set<string>();
  /** Outboxes made so far, the newest last. */
  readonly outboxes: Outbox[] = [];

  private constructor(readonly log: LogRig) {
    const { tail, scratch } = log;
    this.hub = new Hub(scratch.epoch);
    const { hub, clock, metrics } = this;
    const { epoch } = scratch;
    this.topics = new LocalTopics(epoch);
    hub.addPublisher(this.topics);
    const parts = log.outboxParts(() => [whole("room:1"), whole(userStream(BEN))]);
    const newOutbox = (uid: number | undefined) => {
      const outbox = new Outbox(
        {
          ...parts,
          readWindows: async (reader) => {
            this.windowsAsked += 1;
            await this.beforeWindows;
            return parts.readWindows(reader);
          },
        },
        uid,
      );
      this.outboxes.push(outbox);
      return outbox;
    };
    const presence = {
      attached: () => void this.attached++,
      detached: () => void this.attached--,
      whenKnown: async () => {},
      snapshotFor: () => [],
    };
    const gauge = metrics.connections.labels("poll");
    const isFull = () => false;
    const addressRefusal = (ip: string) => (this.banned.has(ip) ? new ProblemError("banned") : undefined);
    const admission = {
      enterAnonymous: () => {
        this.anonymous += 1;
        return () => void this.anonymous--;
      },
    };
    this.polls = new Polls({
      node: "0123456789abcdef",
      tail,
      epoch,
      topics: this.topics,
      clock,
      newOutbox,
      admission,
      takeStart: () => {},
      heavyWork: this.heavyWork,
      presence,
      maxPerUser: 3,
      gauge,
      isFull,
      addressRefusal,
    });
    const lifecycle = new ConnectionLifecycle({
      hub,
      tail,
      epoch,
      newOutbox,
      findLogin: async () => LOGIN,
      isTokenValid: async () => this.holds,
      redDotOf: async () => ({ total: 0, rooms: [], friendRequests: 0, notifications: 0, asOf: "" }),
      presence,
      clock,
      logger: SILENT,
      heartbeatMs: 1,
      maxConnectionsPerUser: 20,
      maxQueueBytes: 1_000_000,
      publicHall: false,
      takeStart: () => {},
      allowRefusedStart: () => true,
      allowBadToken: () => true,
      countBadToken: () => {},
    });
    const { topics } = this;
    const refusal = () => this.refused;
    this.sse = new SseTransport({
      lifecycle,
      admission,
      takeStart: () => {},
      topics,
      clock,
      metrics,
      refusal,
      isFull,
      addressRefusal,
      maxQueueBytes: 1_000_000,
    });
  }

  /** Resolves when that many polls wait; each has asked by then. What they read may take longer than any number of other reads. */
  async hanging(count: number): Promise<void> {
    while (this.polls.hanging !== count) {
      await this.log.scratch.db.selectFrom("log").select("pos").execute();
      await nextTurn();
    }
  }

  static async open(): Promise<EventsRig> {
    let rig: EventsRig | undefined;
    rig = new EventsRig(await openLog({ listener: (event) => rig?.hub.publish(event) }));
    return rig;
  }

  /** A view of `room:1` alone. */
  outboxOfRoom(): Outbox {
    return new Outbox(
      this.log.outboxParts(() => [whole("room:1")]),
      BEN,
    );
  }

  get cursor(): string {
    return `${this.log.scratch.epoch};*@${this.log.tail.position}`;
  }

  /** The routes, for requests that never use a socket. */
  routes() {
    const { polls, sse } = this;
    const reader = { findLogin: async () => LOGIN, publicHall: false, countBadToken: () => {} };
    const routes = newRoutes();
    routes.use(async (c, next) => {
      c.set("largeReplies", new LargeReplies());
      await next();
    });
    routes.route("/", pollRoutes({ ...reader, polls })).route("/", sseRoutes({ ...reader, sse }));
    return answerHeld(routes, errorResponses(SILENT));
  }

  poll(ask: Partial<PollRequest> = {}): Promise<PollReply> {
    const signal = new AbortController().signal;
    return this.polls.poll({
      login: LOGIN,
      ip: "203.0.113.9",
      userAgent: "test",
      isLoginValid: async () => this.holds,
      cursor: this.cursor,
      limit: 100,
      max: undefined,
      waitMs: 0,
      signal,
      ...ask,
    });
  }

  stream(ask: { cursor?: string; signal?: AbortSignal; anonymous?: boolean } = {}): Response {
    return this.sse.open({
      reader: ask.anonymous ? undefined : { login: LOGIN, token: "" },
      cursor: ask.cursor,
      max: undefined,
      ip: "203.0.113.9",
      userAgent: "",
      onServerEnd: () => {},
      signal: ask.signal ?? new AbortController().signal,
    });
  }

  say(count: number) {
    return this.log.append(...Array.from({ length: count }, () => ({ stream: "room:1" })));
  }

  async openSse(): Promise<number> {
    const page = await this.metrics.text();
    return Number(/^parley_connections\{transport="sse"\} (\d+)$/m.exec(page)?.[1] ?? 0);
  }

  close(): Promise<void> {
    return this.log.close();
  }
}

const LOGIN: ConnectedLogin = {
  loginId: 1,
  uid: BEN,
  power: 0,
  name: "ben",
  avatar: "",
  expiresAt: Number.MAX_SAFE_INTEGER,
};
