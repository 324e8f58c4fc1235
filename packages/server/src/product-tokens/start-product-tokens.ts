import type { ProductTokensConfig } from "../config/product-tokens.ts";
import type { Clock } from "../lib/clock.ts";
import type { Stop } from "../lib/interval.ts";
import type { Logger } from "../ops/logger.ts";
import type { Metrics } from "../ops/metrics.ts";
import { KeyServer } from "./key-server.ts";
import { ProductTokens } from "./product-tokens.ts";
import { KeyOfFile } from "./token-keys.ts";

/** The check of the product's tokens, with the keys that the settings name. Stopping it ends the fetching of keys from an address. */
export function startProductTokens(
  settings: ProductTokensConfig,
  { clock, logger, metrics }: { clock: Clock; logger: Logger; metrics: Metrics },
): { tokens: ProductTokens; stop: Stop } {
  const { algorithm, keys: source } = settings;
  const onVerified = (result: string) => metrics.productTokens.inc({ result });
  if ("file" in source) {
    const keys = new KeyOfFile(source.file, algorithm);
    return { tokens: new ProductTokens({ settings, keys, clock, logger, onVerified }), stop: () => {} };
  }
  const onFetch = (result: string) => metrics.keyFetches.inc({ result });
  const keys = new KeyServer({ url: source.url, algorithm, clock, logger, onFetch });
  return { tokens: new ProductTokens({ settings, keys, clock, logger, onVerified }), stop: keys.start() };
}
