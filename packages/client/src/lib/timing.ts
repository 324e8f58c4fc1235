import { BACKOFF, type Backoff } from "./backoff.ts";

/** Every span of time that the client waits for, in milliseconds unless the name says otherwise. Tests shorten them. */
export interface Timing extends Backoff {
  /** To open a connection, or to get the headers of an answer. */
  readonly openMs: number;
  /** From then to READY: a proxy that holds back a stream shows nothing at all. */
  readonly readyMs: number;
  /** Between two attempts to get back to a better transport. */
  readonly upgradeMs: number;
  /** A connection that lived so long is no sign of trouble when it ends. */
  readonly stableMs: number;
  /** Silence after which a connection counts as cut. The server sends CURSOR every 60 s, on event streams a comment every 15 s. */
  readonly webSocketSilenceMs: number;
  readonly sseSilenceMs: number;
  readonly longPollSeconds: number;
  readonly shortPollMs: number;
  /** Silence after which a poll counts as lost, beyond what it was asked to hang. */
  readonly answerMs: number;
  /** The same of an ordinary request. */
  readonly requestMs: number;
  /** For the worker's file to load. */
  readonly workerMs: number;
  /** A client with handlers, or with messages that wait, should have been started by then. */
  readonly startMs: number;
  /** What is read of a room within this time is told by one request. */
  readonly readGatherMs: number;
  /** RESYNCs come together; this long after the last one they are acted on. */
  readonly resyncGatherMs: number;
  /** Between two questions of a tab that follows, whether the one that has the connection is there: where a person looks at it, and else. */
  readonly tabPingMs: number;
  readonly tabHiddenPingMs: number;
  /** Half of the time that a login lives: then it is prolonged. And when again where that has failed. */
  readonly loginHalfMs: number;
  readonly loginAgainMs: number;
}

export const TIMING: Timing = {
  ...BACKOFF,
  openMs: 10_000,
  readyMs: 3_000,
  upgradeMs: 300_000,
  stableMs: 5_000,
  webSocketSilenceMs: 100_000,
  sseSilenceMs: 45_000,
  longPollSeconds: 25,
  shortPollMs: 3_000,
  answerMs: 10_000,
  requestMs: 15_000,
  workerMs: 1_000,
  startMs: 5_000,
  readGatherMs: 1_000,
  resyncGatherMs: 100,
  tabPingMs: 800,
  tabHiddenPingMs: 10_000,
  loginHalfMs: 1_296_000_000,
  loginAgainMs: 3_600_000,
};
