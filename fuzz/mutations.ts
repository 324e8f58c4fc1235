import type { Random } from "../packages/server/test/seeded.ts";
import { ODD, ODD_TEXTS } from "./odd.ts";
import type { Wanted } from "./requests.ts";

type Mutation = (wanted: Wanted, random: Random) => boolean;

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/** Changes one thing in a request. The request keeps its actor, who may make it. */
export function mutateOnce(wanted: Wanted, random: Random): void {
  for (let tries = 0; tries < 20; tries++) if (pick(random, MUTATIONS)(wanted, random)) return;
}

/** Removes or breaks the credentials of a request. */
export function mutateAuthorization(wanted: Wanted, random: Random): void {
  const token = wanted.actor.token ?? "pl_x";
  const headers = [
    `bearer ${token}`,
    `Basic ${token}`,
    "Bearer",
    "Bearer pl_wrong",
    `Bearer ${token}x`,
    `Bearer ${token} x`,
    "",
  ];
  wanted.headers.Authorization = pick(random, headers);
}

/** A copy, since a second mutation may change the value, or put it into itself. */
function odd(random: Random): unknown {
  return structuredClone(pick(random, ODD));
}

/** Replaces a value somewhere in the body. */
const inBody: Mutation = (wanted, random) => {
  const places = placesOf(wanted.body);
  if (places.length === 0) return false;
  const { holder, key } = pick(random, places);
  const value = holder[key];
  const chance = random();
  if (chance < 0.15) delete holder[key];
  else if (chance < 0.25 && typeof value === "number") holder[key] = value + pick(random, [-1, 1, 0.5, 2 ** 40]);
  else if (chance < 0.35 && typeof value === "string") holder[key] = value.repeat(pick(random, [0, 2, 20, 3000]));
  else if (chance < 0.45 && Array.isArray(value)) holder[key] = [...value, ...value, odd(random)];
  else if (chance < 0.5 && isObject(value))
    value[pick(random, ["x", "__proto__", "toString", "clientid"])] = odd(random);
  else holder[key] = odd(random);
  return true;
};

/** Replaces the whole body. */
const wholeBody: Mutation = (wanted, random) => {
  if (wanted.body === undefined && random() < 0.7) return false;
  const text = JSON.stringify(wanted.body ?? {});
  const { length } = text;
  wanted.raw = pick<() => Uint8Array<ArrayBuffer> | string>(random, [
    () => text.slice(0, Math.floor(random() * length)),
    () => `\ufeff${text}`,
    () => `${text}${text}`,
    () => `[${text}]`,
    () => `${text.slice(0, -1)},"__proto__":{"power":1}}`,
    () => `${text.slice(0, -1)},"name":"a","name":"b"}`,
    () => JSON.stringify(pick(random, ODD)),
    () => `${"[".repeat(3000)}${"]".repeat(3000)}`,
    () => JSON.stringify({ text: "x".repeat(pick(random, [66_000, 270_000])) }),
    () => new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
    () => "",
  ])();
  return true;
};

const inQuery: Mutation = (wanted, random) => {
  const { query } = wanted;
  const names = (wanted.found.operation.parameters ?? []).flatMap(({ name, in: place }) =>
    place === "query" && name !== "wait" ? [name] : [],
  );
  if (names.length === 0) return false;
  query.push([pick(random, names), pick(random, ODD_TEXTS)]);
  return true;
};

const inPath: Mutation = (wanted, random) => {
  const names = Object.keys(wanted.path);
  if (names.length === 0) return false;
  wanted.path[pick(random, names)] = pick(
    random,
    ODD_TEXTS.filter((text) => text !== ""),
  );
  return true;
};

const inHeaders: Mutation = (wanted, random) => {
  const [name, value] = pick(random, HEADERS);
  wanted.headers[name] = value;
  return true;
};

const inMethod: Mutation = (wanted, random) => {
  wanted.method = pick(random, METHODS);
  return true;
};

const MUTATIONS: readonly Mutation[] = [
  inBody,
  inBody,
  inBody,
  inBody,
  inQuery,
  inQuery,
  inPath,
  inPath,
  wholeBody,
  inHeaders,
  inMethod,
];

const HEADERS: readonly (readonly [string, string])[] = [
  ["Content-Type", "text/plain"],
  ["Content-Type", "application/json; charset=utf-16"],
  ["Content-Type", "multipart/form-data; boundary=x"],
  ["Content-Encoding", "gzip"],
  ["Accept", "text/html"],
  ["Accept-Language", "x".repeat(3000)],
  ["Origin", "https://elsewhere.example.com"],
  ["Origin", "null"],
  ["Sec-Fetch-Site", "cross-site"],
  ["X-Forwarded-For", "unknown, 999.1.1.1, 203.0.113.9, ::1"],
  ["X-Forwarded-For", ",".repeat(2000)],
  ["X-Real-IP", "not an address"],
  ["Forwarded", "for=_x"],
  ["If-None-Match", "*"],
  ["Range", "bytes=0-1"],
  ["X-HTTP-Method-Override", "DELETE"],
  ["Last-Event-ID", "x"],
  ["Cookie", "token=pl_x"],
  ["X-QR-Secret", "x"],
];

interface Place {
  readonly holder: Record<string | number, unknown>;
  readonly key: string | number;
}

/** All values in a body, however deep. */
function placesOf(body: unknown): Place[] {
  if (typeof body !== "object" || body === null) return [];
  const holder = body as Record<string | number, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesOf(holder[key])]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)] as T;
}
