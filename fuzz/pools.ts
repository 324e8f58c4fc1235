import type { Random } from "../packages/server/test/seeded.ts";

interface MadeRequest {
  readonly actor: { readonly name: string };
  readonly path: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** How many of a kind are remembered for each actor. */
const KEPT = 30;

/**
 * What replies have named so far, by kind and by the actor who got the reply: the ids of rooms, of messages and so on. Requests are made of
 * these, so that most of them are about something that exists and that the actor may see.
 */
export class Pools {
  readonly #values = new Map<string, unknown[]>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  put(kind: string, actor: string, value: unknown): void {
    for (const key of [`${kind} ${actor}`, kind]) {
      const list = this.#values.get(key) ?? [];
      if (list.includes(value)) continue;
      list.push(value);
      if (list.length > KEPT) list.shift();
      this.#values.set(key, list);
    }
  }

  /** One value of the kind, most often one of the newest that this actor has got. Undefined: there is none. */
  pick(kind: string, actor: string): unknown {
    const own = this.#values.get(`${kind} ${actor}`);
    const list = own && this.#random() < 0.8 ? own : this.#values.get(kind);
    if (!list) return undefined;
    const last = this.#random() < 0.7 ? Math.min(4, list.length) : list.length;
    return list[list.length - 1 - Math.floor(this.#random() * last)];
  }

  /** Stores what a reply to a request for `path` (the document's pattern) names. */
  harvest(path: string, actor: string, body: unknown): void {
    const kind = path.split("/").findLast((part) => part !== "" && !part.startsWith("{")) ?? "";
    // A send answers with a single message, and not with a page of them.
    const sent = kind === "messages" && (body as { message?: { id: number } } | undefined)?.message;
    if (sent && path.startsWith("/api/v1/rooms/")) this.put("sent", actor, sent.id);
    this.#harvest(KIND_OF[kind] ?? kind, actor, body, path);
  }

  /** Stores the people that a request brings into a room, as the request names them. */
  harvestMembers({ actor, path, body }: MadeRequest, reply: unknown): void {
    const room = path.id ?? (reply as { id?: unknown } | undefined)?.id;
    const { memberIds } = (body ?? {}) as { memberIds?: unknown };
    if (Array.isArray(memberIds)) for (const uid of memberIds) this.put(`members ${room}`, actor.name, uid);
  }

  #harvest(kind: string, actor: string, value: unknown, path: string): void {
    if (Array.isArray(value)) for (const one of value) this.#harvest(kind, actor, one, path);
    if (typeof value !== "object" || value === null) return;
    for (const [name, one] of Object.entries(value)) {
      if (name === "id") this.put("direction" in value ? `${kind} ${value.direction}` : kind, actor, one);
      if (name === "uid" && /\/(friends|accept)$/.test(path)) this.put("friends", actor, one);
      if (name === "uid" || name === "ownerId") this.put("users", actor, one);
      if (name === "roomId") this.put("rooms", actor, one);
      if (name === "code" && "secret" in value) this.put("qr-logins", actor, one);
      if (name === "secret") this.put("secrets", actor, one);
      if (name === "externalId" && one !== null) this.put(`external ${kind}`, "key", one);
      if (CURSORS.has(name)) this.put(name === "cursor" ? "cursors of events" : `cursors ${path}`, actor, one);
      this.#harvest(name === "message" || name === "lastMessage" ? "messages" : kind, actor, one, path);
    }
  }
}

const CURSORS = new Set(["cursor", "asOf", "nextCursor"]);
/** Paths whose last word is not the kind of the ids in their replies. */
const KIND_OF: Readonly<Record<string, string>> = { direct: "rooms", friends: "users", members: "users" };
