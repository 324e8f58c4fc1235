import type { ServerClientOptions } from "./server/options.ts";
import { ServerClient } from "./server/server-client.ts";

export type { ServerClientOptions } from "./server/options.ts";
export type { Ref } from "./server/path-texts.ts";
export { RequestError as ParleyError } from "./server/request-error.ts";
export type * from "./server/server-api-types.ts";
export {
  type Call,
  type NewMessage,
  ServerClient,
  type ServerReply,
  type ServerRoute,
} from "./server/server-client.ts";
export {
  type ToldEvent,
  type VerifyOptions,
  verifyWebhook,
  type WebhookHeaders,
  WebhookInvalid,
} from "./server/verify-webhook.ts";

/**
 * The caller for the product's own backend, in Node and Bun.
 * @throws TypeError that names a wrong option
 */
export function createServerClient(options: ServerClientOptions): ServerClient {
  return new ServerClient(options);
}
