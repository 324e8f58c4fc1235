import {
  ALL_STREAM,
  encodePush,
  floorCursor,
  HALL_ROOM_ID,
  Push,
  type PushData,
  type RedDot,
  roomStream,
} from "@parley/protocol";
import type { Config } from "./config/config.ts";
import type { Context } from "./context.ts";
import { unlessPassing } from "./db/storage-fault.ts";
import { Outbox } from "./event-log/outbox.ts";
import { Admission } from "./gateway/admission.ts";
import { Commands } from "./gateway/commands.ts";
import type { ConnectedLogin } from "./gateway/connection.ts";
import { ConnectionLifecycle } from "./gateway/connection-lifecycle.ts";
import { Drain } from "./gateway/drain.ts";
import { Hub } from "./gateway/hub.ts";
import { LiveView } from "./gateway/live-view.ts";
import { LocalTopics } from "./gateway/local-topics.ts";
import { pollRoutes } from "./gateway/poll/poll-routes.ts";
import { Polls } from "./gateway/poll/polls.ts";
import { SseTransport } from "./gateway/sse/sse.ts";
import { sseRoutes } from "./gateway/sse/sse-routes.ts";
import { startSweep } from "./gateway/sweep.ts";
import { UserCaps } from "./gateway/user-caps.ts";
import { WebSocketTransport } from "./gateway/websocket/websocket.ts";
import type { Routes } from "./http/openapi.ts";
import type { HandshakeOriginRules } from "./http/origin.ts";
import { bannedProblem } from "./identity/banned.ts";
import { INTERNAL_STREAM, Internal, type InternalData } from "./identity/internal-events.ts";
import { loginEndOf } from "./identity/login-end.ts";
import type { Clock } from "./lib/clock.ts";
import type { Stop } from "./lib/interval.ts";
import { isOfProduct } from "./lib/login-id.ts";
import { ProblemError } from "./lib/problem.ts";
import { CAPS } from "./limits/caps.ts";
import { liveCommands } from "./live-commands.ts";
import { ToldCounts } from "./nodes/told-counts.ts";
import { tellRates } from "./nodes/told-rates.ts";
import type { Logger } from "./ops/logger.ts";
import type { Metrics } from "./ops/metrics.ts";
import { OtherNodes } from "./presence/other-nodes.ts";
import type { Presence } from "./presence/presence.ts";
import { isMember } from "./rooms/members.ts";
import type { Storage } from "./storage.ts";
import { UntoldJoins } from "./untold-joins.ts";

export interface GatewayParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly storage: Storage;
  readonly origins: HandshakeOriginRules;
  readonly onForeignOrigin: (origin: string) => void;
  readonly findLogin: (token: string) => Promise<ConnectedLogin | undefined>;
  /** Used by the commands of features. */
  readonly context: Context;
  readonly redDotOf: (uid: number) => Promise<RedDot & { asOf: string }>;
  readonly pollOnlineMs?: number | undefined;
  readonly closesPerSecond?: number | undefined;
  readonly memberCountOf: (roomId: number) => Promise<number>;
}

export interface Gateway {
  readonly hub: Hub;
  readonly webSocket: WebSocketTransport;
  readonly presence: Presence;
  /** What this node knows of who is connected to the others. */
  readonly others: OtherNodes;
  /** The transports over HTTP: event streams and polls. */
  readonly routes: readonly Routes[];
  /** Counts a token that was not valid, on any transport or route. @throws ProblemError `rate_limited` */
  countBadToken(ip: string): void;
  /** The refusal of new work; undefined until the drain begins. */
  refusal(): ProblemError | undefined;
  /** Called once: answers hanging requests, refuses new work from then on, and resolves when the last connection is gone. */
  drain(): Promise<void>;
  start(): Stop;
  /** Resolves when this node knows who is on the other nodes, or could not learn it in time: from then on it may serve readers. */
  whenJoined(): Promise<void>;
}

/** A node that has not answered by then may be dead. */
const JOIN_MS = 2000;

/** The gateway's part of the graph: hub, lifecycle, commands, transports and presence, joined to the log. */
export function createGateway(parts: GatewayParts): Gateway {
  const { config, clock, logger, metrics, storage } = parts;
  const { heartbeatMs, idleMs, maxFrameBytes, maxQueueBytes, maxConnections, maxConnectionsPerUser } = config.gateway;
  const hub = new Hub(storage.epoch);
  const { presence, heavyWork, rates } = parts.context;
  const takeStart = (uid: number) => rates.starts.take(uid);
  /** Hanging requests hold a connection of the process too. */
  const isFull = () => hub.size + polls.hanging >= maxConnections;
  const anonymousElsewhere = (key: string) => toldAnonymous.elsewhere(key);
  const admission = new Admission({ ...rates, findLogin: parts.findLogin, anonymousElsewhere, isFull });
  const { addressBans } = parts.context;
  const addressRefusal = (ip: string) => addressBans.refusal(ip);
  const newOutbox = (uid: number | undefined) => new Outbox(storage.outbox, uid);
  const countBadToken = (ip: string) => admission.countBadToken(ip);
  const publicHall = config.hall.access === "public";
  const { channel } = parts.context;
  const toldAnonymous = new ToldCounts({
    ...{ channel, kind: "anonymous", own: () => admission.anonymous },
    most: CAPS.anonymousConnections.count,
  });
  const onPresenceError = unlessPassing((error) => logger.error({ err: error }, "presence could not be sent"));
  const others = new OtherNodes({
    channel,
    presence,
    loadOf: (uid) => caps.loadOf(uid),
    loadChanged: (uid) => caps.check(uid),
    onError: onPresenceError,
  });
  presence.setPartial(() => others.isBehind);
  /** The user has something else on this node. */
  const loadChanged = (uid: number) => {
    presence.own.loadChanged(uid);
    caps.check(uid);
  };
  const attaching = {
    snapshotFor: presence.snapshotFor.bind(presence),
    whenKnown: presence.whenKnown.bind(presence),
    attached: (uid: number) => {
      presence.attached(uid);
      loadChanged(uid);
    },
    detached: (uid: number) => {
      presence.detached(uid);
      loadChanged(uid);
    },
  };
  const lifecycle = new ConnectionLifecycle({
    hub,
    tail: storage.tail,
    epoch: storage.epoch,
    newOutbox,
    findLogin: parts.findLogin,
    isTokenValid: async (token) => (await parts.findLogin(token)) !== undefined,
    redDotOf: parts.redDotOf,
    presence: attaching,
    clock,
    logger,
    heartbeatMs,
    maxConnectionsPerUser,
    maxQueueBytes,
    publicHall,
    takeStart,
    allowRefusedStart: (connection) => admission.allowRefusedStart(connection),
    allowBadToken: (connection) => admission.allowBadToken(connection),
    countBadToken,
  });
  const cursorNow = () => floorCursor(storage.epoch, storage.tail.position);
  const { spreadMs } = config.drain;
  // Processes of one machine stop together.
  const othersServe = () => config.processes === 1 && channel.others.length > 0;
  const { closesPerSecond } = parts;
  const drain = new Drain({ hub, presence, cursorNow, spreadMs, closesPerSecond, othersServe });
  const refusal = () => drain.refusal();
  const topics = new LocalTopics(storage.epoch);
  hub.addPublisher(topics);
  const { tail, epoch } = storage;
  const gauge = metrics.connections.labels("poll");
  const maxPerUser = maxConnectionsPerUser;
  const onlineMs = parts.pollOnlineMs;
  const ofPolls = { onlineMs, presence, gauge, maxPerUser, isFull, heavyWork, addressRefusal, loadChanged };
  const polls = new Polls({
    node: channel.place.self,
    tail,
    epoch,
    topics,
    clock,
    newOutbox,
    admission,
    takeStart,
    ...ofPolls,
  });
  const caps = new UserCaps({
    hub,
    polls,
    maxPerUser,
    elsewhere: (uid) => others.loadOf(uid),
    hurry: () => others.tellNow(),
  });
  const sse = new SseTransport({
    clock,
    metrics,
    lifecycle,
    admission,
    takeStart,
    topics,
    refusal,
    addressRefusal,
    isFull,
    maxQueueBytes,
  });
  const reader = { findLogin: parts.findLogin, publicHall, countBadToken };
  const signIn = lifecycle.signIn.bind(lifecycle);
  const { context, memberCountOf } = parts;
  const mayRead = (uid: number, roomId: number) => isMember(context, { roomId, uid });
  const ofFeatures = liveCommands({ context, logger, signIn, memberCountOf, mayRead });
  const table = new Map([...lifecycle.commandHandlers(), ...ofFeatures]);
  const commands = new Commands({ table, logger });
  lifecycle.setCommands(commands);
  const webSocket = new WebSocketTransport({
    clock,
    logger,
    metrics,
    origins: parts.origins,
    onForeignOrigin: parts.onForeignOrigin,
    admission,
    lifecycle,
    commands,
    refusal,
    addressRefusal,
    idleMs,
    maxFrameBytes,
    maxQueueBytes,
  });

  context.live.attach(new LiveView({ hub, polls, clock }));
  const endLogins = (loginIds: readonly number[]) => {
    hub.closeLogins(loginIds);
    polls.endLogins(loginIds);
  };
  parts.context.logins.onRefused(endLogins);
  const keepOut = (uid: number, why: ProblemError) => {
    hub.closeKeptOut(uid, why);
    polls.endKeptOut(uid, why);
  };
  addressBans.onBanned(() => {
    hub.closeBannedAddresses(addressRefusal);
    polls.endBannedAddresses();
  });
  const untold = new UntoldJoins();
  storage.onlyFor((stream) => hub.isRead(stream));
  storage.listen((event) => {
    const untoldNow = untold.see(event);
    if (event.stream !== INTERNAL_STREAM) hub.publish(event, untoldNow);
    // Anonymous readers have no logged stream but the hall's.
    if (publicHall && (event.type === Push.BLACK || event.type === Push.UNBLACK)) {
      hub.sendToAnonymous(encodePush(event.type, JSON.parse(event.data) as PushData[7 | 116]));
    }
    if (event.stream !== INTERNAL_STREAM) return;
    if (event.type === Internal.JOINS_TOLD) {
      const { roomId, uids } = JSON.parse(event.data) as InternalData[-31];
      hub.subscribe(roomStream(roomId), uids);
    } else if (event.type === Internal.LOGINS_REVOKED) {
      endLogins((JSON.parse(event.data) as { loginIds: number[] }).loginIds);
    } else if (event.type === Internal.PRODUCT_LOGINS_ENDED) {
      const { uid } = JSON.parse(event.data) as { uid: number };
      hub.closeProductLogins(uid);
      polls.endProductLogins(uid);
    } else if (event.type === Internal.ACCOUNT_DISABLED) {
      const { uid } = JSON.parse(event.data) as InternalData[-4];
      keepOut(uid, new ProblemError("account_disabled", "This account has been disabled"));
    } else if (event.type === Internal.PERSON_BANNED) {
      const { uid, ...ban } = JSON.parse(event.data) as InternalData[-11];
      keepOut(uid, bannedProblem(ban));
    }
  });
  return {
    hub,
    webSocket,
    presence,
    others,
    routes: [pollRoutes({ ...reader, polls }), sseRoutes({ ...reader, sse })],
    countBadToken,
    refusal,
    whenJoined: () => others.whenCaughtUp(JOIN_MS),
    drain() {
      polls.release();
      return drain.run();
    },
    start() {
      const stops = [
        presence.start({
          publish: (stream, frame) => hub.publishFrame(stream, frame),
          everybody: config.hall.access === "off" ? ALL_STREAM : roomStream(HALL_ROOM_ID),
          onError: onPresenceError,
        }),
        channel.start(),
        tellRates(channel, parts.context.rateTellings),
        toldAnonymous.start(),
        others.start(),
        polls.start(),
        sse.start(),
        startSweep({
          hub,
          tail: storage.tail,
          epoch: storage.epoch,
          clock,
          maxQueueBytes,
          // A token of the product's own says itself when it ends, and no refresh moves that.
          loginEndOf: async ({ loginId, expiresAt }) =>
            isOfProduct(loginId) ? expiresAt : loginEndOf(storage.db, loginId),
          onError: unlessPassing((error) =>
            logger.error({ err: error }, "the expiry of a login could not be looked up"),
          ),
        }),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}
