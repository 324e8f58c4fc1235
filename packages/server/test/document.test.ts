import { describe, expect, test } from "bun:test";
import { ERRORS, type ErrorCode } from "@parley/protocol";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020";
import addFormats from "ajv-formats";
import { SIZES } from "../src/limits/sizes.ts";
import { apiDocument, operationsOf, type Schema } from "./api-document.ts";
import { TestServer } from "./harness.ts";

const document = apiDocument();
const operations = operationsOf(document);
const named = operations.map((one) => [`${one.method} ${one.path}`, one] as const);

test("HTTP-12: the document is valid OpenAPI 3.1, and its references lead somewhere", async () => {
  const validator = new Validator();
  expect(await validator.validate(structuredClone(document) as never)).toEqual({ valid: true });
  expect(validator.version).toBe("3.1");
  expect(JSON.stringify(validator.resolveRefs())).not.toContain('"$ref"');
});

test("HTTP-12: it is what a server says", async () => {
  const server = await TestServer.start();
  try {
    expect(await (await fetch(`${server.url}/openapi.json`)).json()).toEqual(document);
  } finally {
    await server.stop();
  }
});

test("HTTP-12: each schema is one: its keywords exist and fit its type", () => {
  const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true });
  ajv.addVocabulary(["example"]);
  addFormats.default(ajv);
  const whole = { $id: "document", $defs: document.components.schemas };
  const moved = (schema: object) =>
    JSON.parse(JSON.stringify(schema).replaceAll("#/components/schemas/", "document#/$defs/"));
  ajv.addSchema(moved(whole));
  const schemas = placesOf(document).filter(([where]) => !where.includes("."));
  expect(schemas.length).toBeGreaterThan(100);
  for (const [where, schema] of schemas) {
    expect(() => ajv.compile(moved(schema)), where).not.toThrow();
  }
}, 30_000);

test("HTTP-12: no two operations have one name", () => {
  const names = operations.map(({ operation }) => operation.operationId);
  expect(names.filter((name) => !/^(get|post|put|patch|delete)[A-Z][A-Za-z]+$/.test(name))).toEqual([]);
  expect(names).toEqual([...new Set(names)]);
});

describe.each(named)("HTTP-12: %s", (_, { method, path, operation }) => {
  const { parameters = [], security, requestBody, responses, summary } = operation;
  const statuses = Object.keys(responses);

  test("says what it is, and who may ask", () => {
    expect(summary?.length).toBeGreaterThan(5);
    const known = [[], [{ bearer: [] }], [{ bearer: [] }, {}], [{ serverKey: [] }], [{ bearer: ["administrator"] }]];
    expect(known).toContainEqual(security as object[]);
    if (security?.length) expect(statuses).toEqual(expect.arrayContaining(["401", "403"]));
  });

  test("names the parameters of its path, and wants them", () => {
    const inPath = [...path.matchAll(/\{(.+?)\}/g)].map((match) => match[1]);
    const wanted = parameters.filter((parameter) => parameter.in === "path" && parameter.required);
    expect(wanted.map(({ name }) => name)).toEqual(inPath as string[]);
  });

  test("says of its body whether it must be there", () => {
    expect([undefined, true, false]).toContain(requestBody?.required);
    const mayBeLeftOut = ["deleteMe", "patchMe", "patchRoom", "patchRoomSettings", "postEvents", "postRooms"];
    mayBeLeftOut.push("putServerUser", "postServerUserTokens", "putServerRoom", "postServerRoomMembers");
    mayBeLeftOut.push("patchServerNotification", "putNotificationsRead");
    mayBeLeftOut.push("putAdminBansUser", "putAdminBansIp", "deleteAdminConnection");
    mayBeLeftOut.push("patchAdminWebhook");
    expect(requestBody?.required ?? true).toBe(!mayBeLeftOut.includes(operation.operationId));
    if (requestBody) expect(Object.keys(requestBody.content)).toEqual(["application/json"]);
    expect(statuses.includes("415")).toBe(requestBody !== undefined);
    expect(statuses.includes("413")).toBe(method !== "GET");
  });

  test("has what the doors before it answer, and a success, and each refusal by reference", () => {
    expect(statuses).toEqual(expect.arrayContaining(["400", "405", "421", "429", "431", "500", "503"]));
    expect(statuses.some((status) => /^2..$/.test(status))).toBe(true);
    for (const status of statuses.filter((one) => Number(one) >= 400)) {
      expect(Object.keys(responses[status] ?? {})).toEqual(["$ref"]);
    }
  });
});

test("HTTP-12: refusals are described by their codes, all of one status, with the headers that come with it", () => {
  const headers: Record<number, string> = {
    401: "WWW-Authenticate",
    405: "Allow",
    429: "Retry-After",
    503: "Retry-After",
  };
  const replies = Object.entries(document.components.responses);
  expect(replies.length).toBeGreaterThan(20);
  for (const [name, reply] of replies) {
    const codes = name.split(".") as ErrorCode[];
    const statuses = new Set(codes.map((code) => ERRORS[code].status));
    expect(statuses.size, name).toBe(1);
    const [status = 0] = statuses;
    expect(Object.keys(reply.headers ?? {}), name).toEqual(headers[status] ? [headers[status]] : []);
    for (const code of codes) expect(reply.description, name).toContain(`\`${code}\``);
    const schema = reply.content?.["application/problem+json"]?.schema.allOf?.[1];
    // The runtime answers this one with an empty body.
    expect(schema?.properties, name).toEqual(
      status === 431 ? undefined : { status: { const: status }, code: codeOf(codes) },
    );
  }
});

/** The product names its reasons for refusing messages itself. */
function codeOf(codes: readonly ErrorCode[]) {
  const ours = { enum: codes };
  return codes.includes("send_refused")
    ? { anyOf: [ours, { type: "string", pattern: "^[a-z][a-z0-9_]{0,63}$" }] }
    : ours;
}

/** Texts that we write and nobody stores, what is as long as the configuration or somebody's past makes it, and what is bounded otherwise. */
const UNBOUNDED = [
  "Problem.detail",
  "Problem.errors[].message",
  "Problem.errors[].path",
  "Problem.roomIds",
  "Problem.roomIds[]",
  "Problem.title",
  "Problem.userIds",
  "Problem.userIds[]",
  "Doctor.host",
  "Doctor.peerIp",
  "Doctor.clientIp",
  "Doctor.trustedProxies",
  "Doctor.trustedProxies[]",
  "Doctor.warnings",
  "Doctor.warnings[]",
  "Export.logins",
  "Export.rooms",
  "Export.messages.items[].type",
  "Frame.type",
  "QrCode.url",
  "getEvents query token",
  "getEventsStream query token",
  "getEventsStream 200",
  "postEvents query token",
];

test("HTTP-12: every number, text and list has its bounds, but for those that have none", () => {
  const unbounded = placesOf(document).filter(([, schema]) => !isBounded(schema));
  expect(unbounded.map(([where]) => where).sort()).toEqual(UNBOUNDED.sort());
});

test("HTTP-43: the document says how deep a body may be nested", () => {
  expect(JSON.stringify(document)).toContain(`at most ${SIZES.nesting.count} lists and objects inside each other`);
});

test("HTTP-12: numbers of the document are those of the table of limits", () => {
  const places = new Map(placesOf(document));
  const at = (where: string) => places.get(where) as Schema;
  const bounds: Record<string, number | undefined> = {
    name: at("postAccounts body.name").maxLength,
    password: at("postAccounts body.password").maxLength,
    givenName: at("postLogins body.name").maxLength,
    givenPassword: at("postLogins body.password").maxLength,
    picture: at("patchMe body.avatar").maxLength,
    search: at("getUsers query query").maxLength,
    qrCode: at("getQrLogin header x-qr-secret").maxLength,
    roomName: at("patchRoom body.name").maxLength,
    notice: at("patchRoom body.notice").maxLength,
    memberIds: at("postRoomMembers body.memberIds").maxItems,
    friendText: at("postFriendRequests body.text").maxLength,
    remark: at("patchFriend body.remark").maxLength,
    clientId: at("postRoomMessages body|0.clientId").maxLength,
    text: at("postRoomMessages body|0.body.content").maxLength,
    kind: at("postRoomMessages body|1.body.kind").maxLength,
    customData: numberIn(at("postRoomMessages body|1.body.data").description),
    mentions: at("postRoomMessages body|1.mentions|0").maxItems,
    presenceUserIds: numberIn(at("getPresence query userIds").description),
    page: at("getRooms query limit").maximum,
    pageCursor: at("getRooms query cursor").maxLength,
    cursor: at("postEvents body.cursor").maxLength,
    pollEvents: at("getEvents query limit").maximum,
    pollWait: at("getEvents query wait").maximum,
    listedNodes: at("getAdminNodes 200.items").maxItems,
    shownConnections: at("LivePerson.connections").maxItems,
    serverItems: at("postServerUsers body.items").maxItems,
    externalId: at("postServerUsers body.items[].externalId").maxLength,
    displayName: at("putServerUser body.name").maxLength,
    recipients: at("postServerNotifications body.to.users").maxItems,
    recipientRooms: at("postServerEvents body.to.rooms").maxItems,
    noticeTitle: at("postServerNotifications body.title").maxLength,
    noticeText: at("postServerNotifications body.text").maxLength,
    noticeLink: at("postServerNotifications body.link").maxLength,
    noticeData: numberIn(at("postServerEvents body.data").description),
    productKey: at("postServerNotifications body.dedupeKey").maxLength,
    ttl: at("postServerNotifications body.ttl").maximum,
    notificationIds: at("putNotificationsArchive body.ids").maxItems,
    banReason: at("putAdminBansUser body.reason").maxLength,
    closeReason: at("deleteAdminConnection body.reason").maxLength,
    seriesPoints: at("getAdminSeries 200.points").maxItems,
    shownEvents: at("LivePerson.events").maxItems,
  };
  // These are not fields.
  const replies = ["pollReply", "pageTexts", "smallReply", "quotation"];
  const bodies = ["body", "nesting", "serverBody", "bodyWait", "pollBody", "countedMessage"];
  const telling = ["webhookReply", "hookReply", "shownEventData"];
  const product = ["productToken", "tokenKeySet", "tokenKeys"];
  const nodes = ["busEvents", "busMessage"];
  const elsewhere = [...bodies, "frame", "upload", "idle", ...replies, ...product, ...telling, ...nodes];
  const rows = Object.entries(SIZES).filter(([id]) => !elsewhere.includes(id));
  expect(bounds).toEqual(Object.fromEntries(rows.map(([id, { count }]) => [id, count])));
});

function numberIn(text: string | undefined): number {
  return Number(/\d+/.exec(text ?? "")?.[0]);
}

/** Every schema of the document with the name of its place, and within a body, a reply or a component, each part of it. */
function placesOf({ components }: typeof document): [where: string, schema: Schema][] {
  const ofOperations = operations.flatMap(({ operation }) => {
    const { operationId: id, parameters = [], requestBody, responses } = operation;
    const body = requestBody?.content["application/json"]?.schema;
    return [
      ...parameters.map((one) => [`${id} ${one.in} ${one.name}`, one.schema] as const),
      ...(body ? [[`${id} body`, body] as const] : []),
      ...Object.entries(responses).flatMap(([status, { content = {} }]) =>
        Object.values(content).map(({ schema }) => [`${id} ${status}`, schema] as const),
      ),
    ];
  });
  return [...ofOperations, ...Object.entries(components.schemas)].flatMap(([where, schema]) => partsOf(where, schema));
}

function partsOf(where: string, schema: Schema): [string, Schema][] {
  const choices = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  return [
    [where, schema],
    ...Object.entries(schema.properties ?? {}).flatMap(([name, one]) => partsOf(`${where}.${name}`, one)),
    ...(schema.items ? partsOf(`${where}[]`, schema.items) : []),
    ...choices.flatMap((one, index) => partsOf(`${where}|${index}`, one)),
  ];
}

function isBounded({ type = [], ...schema }: Schema): boolean {
  if (schema.enum || schema.const !== undefined) return true;
  const types = [type].flat();
  if (types.includes("array") && schema.maxItems === undefined) return false;
  if (types.includes("string") && schema.maxLength === undefined && schema.pattern === undefined) return false;
  const isNumber = types.includes("integer") || types.includes("number");
  return !isNumber || (schema.minimum !== undefined && schema.maximum !== undefined);
}
