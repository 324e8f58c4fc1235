import type { Schema } from "../packages/server/test/api-document.ts";
import type { Random } from "../packages/server/test/seeded.ts";
import type { Actor } from "./cast.ts";
import { PASSWORD } from "./constants.ts";
import type { Pools } from "./pools.ts";

export interface SampleParts {
  readonly random: Random;
  readonly pools: Pools;
  readonly schemas: Readonly<Record<string, Schema>>;
}

export interface About {
  readonly name: string;
  readonly actor: Actor;
  /** The pattern of the request's path. */
  readonly path: string;
}

/** Makes values that a schema allows and that make sense: the names of fields say what they are about. */
export class Samples {
  readonly #parts: SampleParts;
  #count = 0;

  constructor(parts: SampleParts) {
    this.#parts = parts;
  }

  /** @returns undefined to leave out a field that may be absent */
  of(schema: Schema, about: About): unknown {
    const named = this.#byName(about);
    if (named !== undefined && isOfType(named, schema)) return named;
    const { $ref, anyOf, oneOf, allOf } = schema;
    if ($ref) return this.of(this.#parts.schemas[$ref.split("/").at(-1) as string] as Schema, about);
    const choices = anyOf ?? oneOf;
    if (choices) return this.of(this.pick(choices), about);
    if (allOf) return Object.assign({}, ...allOf.map((one) => this.of(one, about)));
    if (schema.enum) return this.pick(schema.enum);
    if (schema.const !== undefined) return schema.const;
    const type = typeof schema.type === "string" ? schema.type : this.pick(schema.type ?? ["string"]);
    switch (type) {
      case "object":
        return this.#object(schema, about);
      case "array":
        return Array.from({ length: 1 + Math.floor(this.#parts.random() * 2) }, () =>
          this.of(schema.items ?? {}, about),
        );
      case "integer":
      case "number":
        return Math.min(schema.maximum ?? 100, (schema.minimum ?? 0) + Math.floor(this.#parts.random() * 4));
      case "boolean":
        return this.#parts.random() < 0.5;
      case "null":
        return null;
      default:
        return this.#text(schema, about);
    }
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#parts.random() * list.length)] as T;
  }

  #object({ properties = {}, required = [] }: Schema, about: About): Record<string, unknown> {
    const made = Object.entries(properties).flatMap(([name, schema]): [string, unknown][] => {
      if (!required.includes(name) && this.#parts.random() < 0.5) return [];
      const value = this.of(schema, { ...about, name });
      return value === undefined ? [] : [[name, value]];
    });
    return Object.fromEntries(made);
  }

  #text({ maxLength = 20, minLength = 0 }: Schema, { name }: About): string {
    this.#count += 1;
    const text = TEXTS[name] ?? `${name} ${this.#count}`;
    return text.slice(0, Math.max(minLength, maxLength));
  }

  /** Undefined: the schema decides. */
  #byName({ name, actor, path }: About): unknown {
    const { random, pools } = this.#parts;
    const known = (kind: string) => pools.pick(kind, actor.name);
    // Only people who make requests themselves can answer.
    const somebody = () => (random() < 0.5 ? pools.pick("cast", "") : known("users"));
    const isServers = path.includes("/server/");
    switch (name) {
      case "password":
      case "newPassword":
        return PASSWORD;
      case "name":
        if (path.endsWith("/series")) return undefined;
        this.#count += 1;
        return path.endsWith("/logins") ? actor.account : `name-${this.#count}`;
      case "clientId":
      case "dedupeKey":
        this.#count += 1;
        return random() < 0.05 ? "again" : `${name}-${this.#count}`;
      case "externalId":
        return this.#external("users");
      case "memberIds":
      case "userIds":
        return [somebody(), somebody()].filter((uid) => uid !== undefined);
      case "add":
      case "remove":
      case "users":
        return isServers ? [this.#external("users")] : undefined;
      case "direct":
        return [this.#external("users"), known("users") ?? 1];
      case "room":
        return isServers ? this.#external("rooms") : known("rooms");
      case "userId":
      case "uid":
        return somebody();
      case "replyTo":
      case "after":
      case "around":
        return random() < 0.3 ? known("messages") : undefined;
      case "until":
      case "expiresAt":
        return random() < 0.5 ? null : Date.now() + 3_600_000;
      case "from":
        return path.endsWith("/series") ? Date.now() - 600_000 : undefined;
      case "to":
        return path.endsWith("/series") ? Date.now() : undefined;
      case "step":
        return 60;
      case "cidr":
        return "203.0.113.0/24";
      case "cursor":
        if (random() < 0.6) return undefined;
        return known(/events|feed/.test(path) ? "cursors of events" : `cursors ${path}`);
      default:
        return undefined;
    }
  }

  #external(kind: string): unknown {
    const { random, pools } = this.#parts;
    const known = random() < 0.7 ? pools.pick(`external ${kind}`, "key") : undefined;
    this.#count += 1;
    return known ?? `${kind}-${this.#count}`;
  }
}

const TEXTS: Readonly<Record<string, string>> = {
  avatar: "/a.png",
  link: "/orders/7",
  url: "http://127.0.0.1:9/hook",
  kind: "poll",
  query: "na",
  key: "key-1",
};

function isOfType(value: unknown, { type, $ref, anyOf, oneOf }: Schema): boolean {
  if ($ref || anyOf || oneOf || type === undefined) return true;
  const types = typeof type === "string" ? [type] : type;
  const own = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
  return types.includes(own) || (own === "number" && types.includes("integer"));
}
