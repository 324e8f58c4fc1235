import type { AdminContext } from "./admin/admin-context.ts";
import { ChartsOfAll } from "./admin/all-nodes.ts";
import { LiveConnections } from "./admin/live-connections.ts";
import { chartsHere, Series, type SeriesReader } from "./admin/series.ts";
import { AddressBans } from "./bans/address-bans.ts";
import type { BansContext } from "./bans/ban-actions.ts";
import type { Config } from "./config/config.ts";
import type { ReadDatabase } from "./db/open.ts";
import type { Writes } from "./db/writer.ts";
import { TextChanges } from "./event-log/text-changes.ts";
import type { IdentityContext } from "./identity/identity-context.ts";
import { Logins } from "./identity/logins.ts";
import { Passwords } from "./identity/passwords.ts";
import { ProductLogins } from "./identity/product-logins.ts";
import { QrLogins } from "./identity/qr-login.ts";
import { KeyRates } from "./keys/key-rates.ts";
import { ServerKeys } from "./keys/server-keys.ts";
import type { Clock } from "./lib/clock.ts";
import { SettledClock } from "./lib/settled-clock.ts";
import { HeavyWork } from "./limits/heavy-work.ts";
import { RateTellings } from "./limits/rate-tellings.ts";
import { type CountingTogether, createRates } from "./limits/rates.ts";
import { type MessageKinds, messageKinds } from "./messages/kinds/kinds.ts";
import { messageTexts } from "./messages/message-rows.ts";
import type { MessagesContext } from "./messages/messages-context.ts";
import { aloneNode, NodeChannel } from "./nodes/channel.ts";
import { LiveFrames } from "./nodes/live-frames.ts";
import { Questions } from "./nodes/questions.ts";
import { Presence } from "./presence/presence.ts";
import type { ProductTokens } from "./product-tokens/product-tokens.ts";
import { ReaderStarts } from "./reader-starts.ts";
import { HallCount } from "./rooms/hall.ts";
import { hiddenPresenceOf } from "./rooms/hidden-presence.ts";
import { uidsIn } from "./rooms/members.ts";
import { ReadRound } from "./unread/read-round.ts";
import { newSelfGate, type UnreadContext } from "./unread/unread-context.ts";
import type { SendHook } from "./webhooks/send-hook.ts";

/** What the actions of all features are given; each sees its own part (`rooms/rooms-context.ts` and the like). */
export interface Context extends IdentityContext, MessagesContext, UnreadContext, BansContext, AdminContext {
  readonly presence: Presence;
  readonly readRound: ReadRound;
  readonly starts: ReaderStarts;
  readonly serverKeys: ServerKeys;
  readonly keyRates: KeyRates;
  readonly liveFrames: LiveFrames;
  readonly rateTellings: RateTellings;
}

export interface ContextParts {
  readonly config: Pick<Config, "accounts" | "hall" | "listen" | "messages" | "rateLimits" | "signInsOverall">;
  readonly db: ReadDatabase;
  readonly epoch: string;
  readonly writes: Writes;
  readonly clock: Clock;
  /** Another table of kinds, which the procedures must have too; for tests. */
  readonly kinds?: MessageKinds;
  /** What checks tokens of the product's own; undefined: it has none here. */
  readonly tokens?: Pick<ProductTokens, "verify"> | undefined;
  readonly graceMs?: number | undefined;
  /** What is asked before people's messages are sent. */
  readonly sendHook?: SendHook | undefined;
  /** Those that the outboxes use, so that what one start asks is asked once. */
  readonly starts?: ReaderStarts;
  /** Told of a rate, by its name, whenever it has no room for what is asked. */
  readonly onFullRate?: (limit: string) => void;
  readonly onSignIn?: IdentityContext["onSignIn"];
  /** To the other nodes; undefined: there are none. */
  readonly channel?: NodeChannel | undefined;
  /** That of a process that serves nobody (`watchingPresence`). */
  readonly presence?: Presence | undefined;
  /** Told of a question of another node that could not be answered. */
  readonly onNodeError?: (error: unknown) => void;
  /** Where the charts are, if another process measures; undefined: here. */
  readonly charts?: SeriesReader | undefined;
  /** Whether this node measures for all nodes; undefined: there are no others. */
  readonly measures?: (() => boolean) | undefined;
  /** Counts what several processes count together; undefined: this process counts alone. */
  readonly together?: CountingTogether | undefined;
}

/** Built once, by the server and by tests of features alike. Does no I/O. */
export function createContext({ config, db, epoch, writes, clock, ...parts }: ContextParts): Context {
  const { tokens, channel = new NodeChannel(aloneNode(), () => {}) } = parts;
  const rateTellings = new RateTellings();
  const rates = createRates({
    tellings: rateTellings,
    enabled: config.rateLimits,
    signInsOverall: config.signInsOverall,
    onFull: parts.onFullRate,
    together: parts.together,
  });
  const product = tokens && new ProductLogins({ db, writes, clock, rates, tokens });
  const { kinds = messageKinds, starts = new ReaderStarts({ db, epoch, clock, hall: config.hall }) } = parts;
  const hiddenPresence = hiddenPresenceOf(db);
  const readRooms = async (uid: number) => {
    const [{ asOf, rows }, { blocked, rooms }] = await Promise.all([starts.roomsOf(uid), hiddenPresence(uid)]);
    if (rooms.size === 0) return { asOf, rows, blocked };
    return { asOf, rows: rows.map((row) => ({ ...row, isHidden: rooms.has(row.roomId) })), blocked };
  };
  const settledClock = new SettledClock(clock);
  const isClockSettled = () => settledClock.isSettled();
  const series = new Series(clock);
  const questions = new Questions(channel, parts.onNodeError ?? (() => {}));
  const { measures } = parts;
  return {
    db,
    epoch,
    writes,
    clock,
    rates,
    rateTellings,
    heavyWork: new HeavyWork(),
    registrationOpen: config.accounts.registration === "open",
    urlSource: config.listen,
    passwords: new Passwords(),
    onSignIn: parts.onSignIn ?? (() => {}),
    isClockSettled,
    logins: new Logins({ db, writes, clock, isClockSettled, product, channel }),
    serverKeys: new ServerKeys({ db, writes, clock }),
    keyRates: new KeyRates({ enabled: config.rateLimits, onFull: parts.onFullRate }),
    channel,
    questions,
    liveFrames: new LiveFrames(channel),
    qrLogins: new QrLogins({ db, clock }),
    hall: config.hall,
    friendsOnly: config.accounts.direct === "friends",
    hallCount: new HallCount(),
    textChanges: new TextChanges(),
    presence:
      parts.presence ??
      new Presence({ clock, readRooms, graceMs: parts.graceMs, readMembers: (roomId) => uidsIn(db, roomId) }),
    messageTexts: (snapshot, asked) => messageTexts(snapshot, asked, kinds),
    kinds,
    kindRules: { customKinds: new Set(config.messages.customKinds) },
    sendHook: parts.sendHook,
    selfGate: newSelfGate({ writes, clock }),
    readRound: new ReadRound(db),
    starts,
    addressBans: new AddressBans(),
    live: new LiveConnections(),
    series,
    charts: measures ? new ChartsOfAll({ series, questions, measures }) : (parts.charts ?? chartsHere(series)),
    trustedProxies: config.listen.trustedProxies,
  };
}
