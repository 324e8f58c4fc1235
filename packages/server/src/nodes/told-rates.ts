import type { Stop } from "../lib/interval.ts";
import type { RateTellings } from "../limits/rate-tellings.ts";
import type { NodeChannel } from "./channel.ts";

/** Tells the other nodes of what was counted here for all of them, and adds what they counted. */
export function tellRates(channel: NodeChannel, tellings: RateTellings): Stop {
  channel.on("rates", ({ counts }) => {
    if (Array.isArray(counts)) tellings.hear(counts);
  });
  return tellings.start((counts) => {
    if (channel.others.length > 0) channel.send("rates", { counts });
  });
}
