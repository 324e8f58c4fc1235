import type { TestServer } from "./harness.ts";

const TRIES = 3;
const AWAY = "are counted by this node alone";

/**
 * Redis has a quarter of a second to answer a question, and then its node counts alone for a moment. Where that has happened, as on a machine that stands still, an
 * attempt that fails has shown nothing, and is made once more with everything new.
 * @param attempt tells of its servers as soon as they have started
 */
export async function whileRedisAnswers<T>(attempt: (started: (server: TestServer) => void) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const servers: TestServer[] = [];
    try {
      return await attempt((server) => void servers.push(server));
    } catch (error) {
      const wasAway = servers.some(({ log }) => log.some((line) => line.includes(AWAY)));
      if (tries === TRIES || !wasAway) throw error;
    }
  }
}
