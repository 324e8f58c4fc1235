import { delay } from "../lib/interval.ts";
import type { Logger } from "../ops/logger.ts";
import { explained } from "./explained.ts";

/** How soon a server that has to start again tries it. */
const AGAIN_MS = 1000;

/** What `serve` runs: the server, or in tests one of which a part hangs. */
export interface Served {
  /** `isNew`: nobody has an account yet. */
  start(): Promise<{ url: string; isNew?: boolean }>;
  /** @param options.atOnce the database has become another one, so that everything that goes on is wrong */
  stop(options: { atOnce: boolean }): Promise<void>;
}

interface Started {
  readonly server: Served;
  readonly url: string;
  readonly isNew?: boolean;
}

export async function startedOnce(create: () => Served | Promise<Served>): Promise<Started> {
  const server = await create();
  return { server, ...(await server.start()) };
}

/** Tries again while the database cannot be used, or workers end because of it. Undefined: it was told to stop. */
export async function startedAtLast(
  create: () => Served | Promise<Served>,
  { logger, stopAsked }: { logger: Logger; stopAsked: Promise<string> },
): Promise<Started | undefined> {
  let isAsked = false;
  void stopAsked.then(() => {
    isAsked = true;
  });
  let said: string | undefined;
  while (!isAsked) {
    try {
      return await startedOnce(create);
    } catch (error) {
      const fault = explained(error);
      if (fault === undefined) throw error;
      if (fault !== said) logger.error({ fault }, "the server could not start again yet");
      said = fault;
    }
    await Promise.race([delay(AGAIN_MS), stopAsked]);
  }
  return undefined;
}
