import type { Operation, Schema } from "../packages/server/test/api-document.ts";
import type { Random } from "../packages/server/test/seeded.ts";
import type { Actor, Cast } from "./cast.ts";
import { NOBODY } from "./cast.ts";
import type { Pools } from "./pools.ts";
import type { Samples } from "./sample.ts";

export interface FoundOperation {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

/** A request before it is written. Mutations change one of these things. */
export interface Wanted {
  readonly found: FoundOperation;
  actor: Actor;
  method: string;
  /** By the name in the path's pattern, not yet percent-encoded. */
  readonly path: Record<string, string>;
  readonly query: [string, string][];
  readonly headers: Record<string, string>;
  /** Undefined: the request has no body. */
  body: unknown;
  /** Sent in place of `body`. */
  raw?: Uint8Array<ArrayBuffer> | string;
}

interface PathParts {
  readonly actor: Actor;
  readonly path: string;
  readonly schema: Schema;
  /** The parameters that come before this one. */
  readonly made: Readonly<Record<string, string>>;
}

/** Makes well-formed requests from somebody who may make them. */
export class Requests {
  readonly #parts: { cast: Cast; pools: Pools; samples: Samples; random: Random };

  constructor(parts: { cast: Cast; pools: Pools; samples: Samples; random: Random }) {
    this.#parts = parts;
  }

  of(found: FoundOperation): Wanted {
    const { samples, random } = this.#parts;
    const { method, path, operation } = found;
    const actor = this.#actor(operation);
    const wanted: Wanted = { found, actor, method, path: {}, query: [], headers: {}, body: undefined };
    for (const { name, in: place, required, schema } of operation.parameters ?? []) {
      if (place === "path") wanted.path[name] = String(this.#inPath(name, { actor, path, schema, made: wanted.path }));
      if (name === "token" || (place !== "path" && !required && random() < 0.5)) continue;
      // A poll that waits in vain would hold up a part of the run for a minute.
      const value = name === "wait" ? Math.floor(random() * 2) : samples.of(schema, { name, actor, path });
      if (value === undefined) continue;
      if (place === "query") wanted.query.push([name, String(value)]);
    }
    const secret = this.#parts.pools.pick("secrets", actor.name);
    if (path.includes("qr-logins/{code}") && method === "GET" && secret) wanted.headers["X-QR-Secret"] = String(secret);
    const body = operation.requestBody?.content["application/json"]?.schema;
    if (body) wanted.body = samples.of(body, { name: "", actor, path });
    return wanted;
  }

  #actor({ security = [] }: Operation): Actor {
    const { cast, samples, random } = this.#parts;
    const ways = security.map((one) => Object.entries(one)[0]);
    if (ways.length === 0) return samples.pick([NOBODY, ...cast.people]);
    const [scheme, roles] = ways[0] ?? [];
    if (scheme === "serverKey") return cast.key;
    if ((roles as string[] | undefined)?.includes("administrator")) return cast.administrator;
    return ways.length > 1 && random() < 0.15 ? NOBODY : samples.pick(cast.people);
  }

  /** The value of a parameter in the path: something of the kind that the word before it names. */
  #inPath(name: string, { actor, path, schema, made }: PathParts): unknown {
    const { pools, samples, random } = this.#parts;
    const before = path.split(`/{${name}}`)[0]?.split("/").at(-1) ?? "";
    if (path.includes("/server/")) {
      const uid = random() < 0.2 ? pools.pick(before, actor.name) : undefined;
      if (uid !== undefined) return `~${uid}`;
      if (before === "users" || before === "rooms") {
        const known = random() < 0.8 ? pools.pick(`external ${before}`, "key") : undefined;
        return known ?? samples.of({ type: "string" }, { name: "externalId", actor, path });
      }
    }
    if (name === "cidr") return samples.of(schema, { name, actor, path });
    if (path.endsWith("/receipts")) return pools.pick("sent", actor.name) ?? 1;
    // People answer what they were asked, and take back what they have asked.
    if (before === "friend-requests") {
      return pools.pick(`${before} ${/accept|reject/.test(path) ? "in" : "out"}`, actor.name) ?? 1;
    }
    if (before === "friends") return pools.pick(before, actor.name) ?? 1;
    if (name === "uid") return pools.pick(`members ${made.id}`, actor.name) ?? pools.pick("users", actor.name) ?? 1;
    return pools.pick(before, actor.name) ?? samples.of(schema, { name, actor, path });
  }
}
