import { listKeys, revokeKey } from "../packages/server/src/keys/key-actions.ts";
import { CAPS } from "../packages/server/src/limits/caps.ts";
import { bury } from "../packages/server/src/webhooks/webhook-writes.ts";
import { setPower } from "../packages/server/test/administrator.ts";
import { ApiClient } from "../packages/server/test/api-client.ts";
import type { TestServer } from "../packages/server/test/harness.ts";
import { type Door, openDoor } from "../packages/server/test/server-door.ts";
import { PASSWORD } from "./constants.ts";
import type { Pools } from "./pools.ts";

/** On whose behalf requests are made. */
export interface Actor {
  /** The name that pools know them by. */
  readonly name: string;
  /** The name that they sign in with, or the product's id for them. */
  readonly account: string;
  readonly token: string | undefined;
  readonly uid: number | undefined;
}

export const NOBODY: Actor = { name: "nobody", account: "nobody", token: undefined, uid: undefined };

/** People with a password, people with an id from the product, an administrator, and the product's backend. Actors that are gone are replaced. */
export class Cast {
  readonly #server: TestServer;
  readonly #pools: Pools;
  readonly #people: Actor[] = [];
  #door: Door | undefined;
  #count = 0;

  constructor(server: TestServer, pools: Pools) {
    this.#server = server;
    this.#pools = pools;
  }

  async gather(): Promise<void> {
    this.#door = await this.#newDoor();
    for (let place = 0; place < PLACES.length; place++) this.#people[place] = await this.#make(place);
  }

  get key(): Actor {
    return { name: "key", account: "key", token: this.#door?.key, uid: undefined };
  }

  get administrator(): Actor {
    return this.#people[0] as Actor;
  }

  get people(): readonly Actor[] {
    return this.#people;
  }

  /** Stores an event as a webhook's dead letter. That takes a day of refusals, which is longer than any run. */
  async bury(webhookId: number): Promise<void> {
    const letter = { pos: 1, stream: "internal", seq: 1, type: -20, at: 1 };
    const { writes } = this.#server.storage;
    await writes.run(bury, { webhookId, letters: [letter], attempts: 9, reason: "the answer is 500" });
    this.#pools.put("dead-letters", this.administrator.name, letter.pos);
  }

  /** Puts somebody else in the place of a person whose token is no longer valid. */
  async replace(actor: Actor): Promise<void> {
    const place = this.#people.indexOf(actor);
    if (place >= 0) this.#people[place] = await this.#make(place);
    // The key is refused on other routes as well, which does not mean that it has ended.
    if (actor.token === this.#door?.key && (await this.#door?.call("GET", "/users/nobody"))?.status === 401) {
      this.#door = await this.#newDoor();
    }
  }

  /** The run's administrator makes keys too, so old ones are revoked before there is no room for another. */
  async #newDoor(): Promise<Door> {
    const { storage } = this.#server;
    const keys = await listKeys(storage);
    if (keys.length > CAPS.serverKeys.count / 2) for (const { name } of keys) await revoked(storage, name);
    this.#count += 1;
    return openDoor(this.#server, `product-${this.#count}`);
  }

  async #make(place: number): Promise<Actor> {
    this.#count += 1;
    const account = `actor-${this.#count}`;
    const { uid, token } = await (PLACES[place] === "external" ? this.#external(account) : this.#signUp(account));
    if (PLACES[place] === "administrator") await setPower(this.#server, account, 1);
    const actor = { name: `actor ${place}`, account, token, uid };
    this.#pools.put("users", actor.name, uid);
    this.#pools.put("cast", "", uid);
    return actor;
  }

  async #signUp(name: string) {
    const { user, token } = await this.#server.api.ok<{ user: { uid: number }; token: string }>("POST", "/accounts", {
      name,
      password: PASSWORD,
    });
    return { uid: user.uid, token };
  }

  async #external(id: string): Promise<{ uid: number; token: string }> {
    for (let tries = 0; ; tries++) {
      try {
        const door = new ApiClient(this.#server.url, this.#door?.key, "/server");
        const { uid } = await door.ok<{ uid: number }>("PUT", `/users/${id}`, {});
        this.#pools.put("external users", "key", id);
        return { uid, token: (await door.ok<{ token: string }>("POST", `/users/${id}/tokens`)).token };
      } catch (error) {
        // The run's administrator may have ended the key.
        if (tries >= KEY_TRIES) throw error;
        this.#door = await this.#newDoor();
      }
    }
  }
}

const KEY_TRIES = 5;

/** Revokes a key, which may be gone already. */
async function revoked(storage: TestServer["storage"], name: string): Promise<void> {
  await revokeKey(storage, name).catch(() => undefined);
}

const PLACES = ["administrator", "account", "account", "external", "external", "external"] as const;
