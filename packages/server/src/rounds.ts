import type { Context } from "./context.ts";
import { unlessPassing } from "./db/storage-fault.ts";
import type { Hub } from "./gateway/hub.ts";
import type { Logger } from "./ops/logger.ts";
import { PeopleChanges } from "./rooms/people-changes.ts";
import type { Storage } from "./storage.ts";
import { DotRound } from "./unread/dot-round.ts";

interface RoundsParts {
  readonly storage: Pick<Storage, "db" | "starts" | "announcer" | "listen">;
  readonly context: Pick<Context, "selfGate" | "readRound" | "liveFrames">;
  readonly hub: Hub;
  readonly logger: Logger;
}

/**
 * What this process tells its own readers of what has happened, gathered over many events: new names and pictures, counters, and how far people have read.
 * @returns what ends it; the places of its own readers are written at the end
 */
export function startRounds({ storage, context, hub, logger }: RoundsParts): () => Promise<void> {
  const { db, starts, announcer } = storage;
  const { selfGate, readRound, liveFrames } = context;
  const publish: Hub["publishFrame"] = (stream, frame) => hub.publishFrame(stream, frame);
  // `StorageWatch` tells of a database that is away, once.
  const failed = (what: string) => unlessPassing((error) => logger.error({ err: error }, what));
  const peopleChanges = new PeopleChanges({ db, publish, onError: failed("a new name or picture could not be sent") });
  storage.listen((event) => peopleChanges.onEvent(event));
  const dots = new DotRound({
    isHere: (uid) => hub.ofUser(uid).size > 0,
    redDotOf: (uid) => starts.redDotOf(uid),
    whenAnnounced: (position) => announcer.whenAnnounced(position),
    publish,
    onError: failed("counters could not be sent"),
  });
  storage.listen((event) => dots.onEvent(event));
  liveFrames.start(publish);
  const stops = [
    dots.start(),
    readRound.start({
      publish: (stream, frame) => liveFrames.publish([stream], frame),
      onError: failed("read places could not be sent to others"),
    }),
    selfGate.start(failed("read places could not be sent")),
    () => peopleChanges.stop(),
  ];
  return async () => {
    for (const stop of stops) stop();
    await selfGate.flush({ everything: true });
  };
}
