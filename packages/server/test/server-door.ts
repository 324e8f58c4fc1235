import type { ServerScope } from "@parley/protocol";
import { SERVER_SCOPES } from "@parley/protocol";
import { addKey } from "../src/keys/key-actions.ts";
import { ApiClient } from "./api-client.ts";
import type { Person, TestServer } from "./harness.ts";

export interface Door extends ApiClient {
  readonly keyId: number;
  /** The secret. */
  readonly key: string;
}

/** The product's own backend: a new server key, and requests with it. Paths are under /api/v1/server. */
export async function openDoor(
  server: TestServer,
  name: string,
  more: {
    scopes?: readonly ServerScope[];
    expiresAt?: number;
    rate?: number;
    recipientsRate?: number;
    allRate?: number;
  } = {},
): Promise<Door> {
  const { db, writes } = server.storage;
  const wish = { name, scopes: SERVER_SCOPES, expiresAt: null, rate: null, ...more };
  const { id, key } = await addKey({ db, writes }, wish);
  return Object.assign(new ApiClient(`${server.url}`, key, "/server"), { keyId: id, key });
}

/** A person whom the product has brought in, with a token for them. */
export async function personAtDoor(server: TestServer, door: ApiClient, externalId: string): Promise<Person> {
  const path = `/users/${encodeURIComponent(externalId)}`;
  const { uid, name } = await door.ok<{ uid: number; name: string }>("PUT", path, {});
  const { token } = await door.ok<{ token: string }>("POST", `${path}/tokens`);
  return { uid, name, token, api: new ApiClient(server.url, token) };
}
