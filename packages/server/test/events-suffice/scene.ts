import { openUserAccounts } from "../../src/cli/user-accounts.ts";
import { ApiClient } from "../api-client.ts";
import { PASSWORD, type Person, TestServer } from "../harness.ts";
import { sendHidden } from "../hidden-message.ts";
import { type Door, openDoor, personAtDoor } from "../server-door.ts";
import { type Act, eventsSuffice } from "./suffices.ts";

/** A command of the API in one situation. */
export interface Case {
  /** The name that the API's document has for it. */
  readonly command: string;
  readonly title: string;
  /** Sets the scene and returns what is then done. */
  readonly play: (scene: Scene) => Promise<Play> | Play;
}

export interface Play {
  readonly act: () => Promise<unknown>;
  /** The people who look on; by default ann's other device, ben and cai. */
  readonly watchers?: readonly Person[];
  readonly late?: Act["late"];
}

/** A server and people: ann acts; ben is mostly a member, cai mostly comes in; root is an administrator of the server. */
export class Scene {
  #made = 0;
  /** What the next case does before its own: ends what this one made and nobody owns. */
  readonly later: (() => Promise<unknown>)[] = [];

  private constructor(
    readonly server: TestServer,
    readonly ann: Person,
    readonly annsPhone: Person,
    readonly ben: Person,
    readonly cai: Person,
    readonly root: Person,
    /** The product's own backend. */
    readonly door: Door,
  ) {}

  static async open(): Promise<Scene> {
    const server = await TestServer.start({ CUSTOM_KINDS: "poll" });
    // They are made one after the other, so that their uids, and with them the order of members, are always the same.
    const [ann, ben, cai] = [await server.person("ann"), await server.person("ben"), await server.person("cai")];
    const accounts = await openUserAccounts(server);
    await accounts.add({ name: "root", password: PASSWORD, power: 1 });
    await accounts.close();
    const [annsPhone, root] = await Promise.all([signIn(server, "ann"), signIn(server, "root")]);
    return new Scene(server, ann, annsPhone, ben, cai, root, await openDoor(server, "product"));
  }

  close(): Promise<void> {
    return this.server.stop();
  }

  async run({ play }: Case, more: Pick<Act, "withheld"> = {}): Promise<void> {
    await this.#clear();
    const { act, late, watchers = [this.annsPhone, this.ben, this.cai] } = await play(this);
    await eventsSuffice({ server: this.server, watchers, act, late, ...more });
  }

  /** Ends the groups that earlier cases left, since each would be read again and again. */
  async #clear(): Promise<void> {
    for (const end of this.later.splice(0)) await end();
    for (const { api } of [this.ann, this.ben, this.cai]) {
      const { items } = await api.ok<{ items: { id: number; role: number }[] }>("GET", "/rooms");
      const owned = items.filter(({ role }) => role === 1);
      await Promise.all(owned.map(({ id }) => api.ok("DELETE", `/rooms/${id}`)));
    }
  }

  /** A person whom no other case knows. */
  someone(): Promise<Person> {
    this.#made += 1;
    return this.server.person(`someone ${this.#made}`);
  }

  /** One of the product's people, whom no other case knows; their name is their external id. */
  someoneOfProduct(): Promise<Person> {
    this.#made += 1;
    return personAtDoor(this.server, this.door, `product-${this.#made}`);
  }

  /** Another device of a person. */
  device(person: Person): Promise<Person> {
    return signIn(this.server, person.name);
  }

  /** A group that ann owns. */
  room(members: readonly Person[] = [this.ben], settings?: object): Promise<number> {
    const made = this.server.room(this.ann, members);
    return settings === undefined ? made : made.then((id) => this.changed(id, settings));
  }

  async changed(id: number, settings: object): Promise<number> {
    await this.ann.api.ok("PATCH", `/rooms/${id}`, settings);
    return id;
  }

  /** A message; returns its id and seq. */
  async say(person: Person, roomId: number, content: string, more: object = {}): Promise<{ id: number; seq: number }> {
    const request = { clientId: crypto.randomUUID(), type: 1, body: { content }, ...more };
    const path = `/rooms/${roomId}/messages`;
    return (await person.api.ok<{ message: { id: number; seq: number } }>("POST", path, request)).message;
  }

  /** The same, visible to its sender only: no route asks for that yet. */
  async sayHidden(person: Person, roomId: number, content: string, more: object = {}): Promise<{ id: number }> {
    return (await sendHidden(this.server, person, { roomId, content, ...more })).message;
  }

  add(roomId: number, ...people: readonly Person[]): Promise<unknown> {
    return this.ann.api.ok("POST", `/rooms/${roomId}/members`, { memberIds: people.map(({ uid }) => uid) });
  }

  remove(roomId: number, person: Person, by: Person = this.ann): Promise<unknown> {
    return by.api.ok("DELETE", `/rooms/${roomId}/members/${person.uid}`);
  }
}

async function signIn(server: TestServer, name: string): Promise<Person> {
  const request = { name, password: PASSWORD };
  const { user, token } = await server.api.ok<{ user: { uid: number }; token: string }>("POST", "/logins", request);
  return { uid: user.uid, name: `${name}'s phone`, token, api: new ApiClient(server.url, token) };
}
