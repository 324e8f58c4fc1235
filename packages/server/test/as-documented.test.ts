import { expect, test } from "bun:test";
import { checkAsDocumented, type SeenReply } from "./as-documented.ts";

const me = { uid: 20_000, name: "ada", avatar: "", power: 0, createdAt: 1, asOf: "0123456789abcdef;*@5" };
const json = { "Content-Type": "application/json" };
const problem = { "Content-Type": "application/problem+json" };
const refusal = (status: number, code: string) => ({ type: `urn:parley:problem:${code}`, title: "No", status, code });

type Change = Partial<Omit<SeenReply, "headers">> & { readonly headers?: Record<string, string> };

/** Why a reply to GET /me is not as documented; undefined if it is. */
function fault({ headers = json, ...change }: Change): string | undefined {
  const seen = { method: "GET", path: "/api/v1/me", status: 200, body: me, headers: new Headers(headers), ...change };
  try {
    checkAsDocumented(seen);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const room = {
  id: 2,
  type: 1,
  name: "g",
  avatar: "",
  memberCount: 1,
  notice: "",
  ownerId: 20_000,
  managed: false,
  muteAll: false,
};
const shown = { ...room, history: "all", seq: 1, role: 1, userId: null, dissolvedAt: null };
const conversation = { ...shown, lastMessage: null, unread: 0, readSeq: 0, pinned: false, muted: false };
const rooms = (item: object) => ({
  path: "/api/v1/rooms?limit=5",
  body: { items: [item], nextCursor: null, asOf: me.asOf },
});
const refused = (status: number, code: string, headers: Record<string, string> = {}) => ({
  status,
  body: refusal(status, code),
  headers: { ...problem, ...headers },
});

test.each<[string, Change]>([
  ["what the document says", {}],
  ["a list of rooms", rooms(conversation)],
  ["no body after HEAD", { method: "HEAD", body: undefined }],
  ["a refusal of this operation", refused(403, "account_disabled")],
  ["a refusal with its header", refused(429, "rate_limited", { "Retry-After": "1" })],
  ["a refusal where there is no operation", { path: "/api/v1/nothing", ...refused(404, "not_found") }],
])("HTTP-26: %s is taken", (_, change) => {
  expect(fault(change)).toBeUndefined();
});

test.each<[string, Change, string]>([
  ["a field more", { body: { ...me, age: 5 } }, "unevaluated"],
  ["a field fewer", { body: { ...me, uid: undefined } }, "required property 'uid'"],
  ["a text that is too long", { body: { ...me, name: "x".repeat(65) } }, "64 characters"],
  ["half a number", { body: { ...me, createdAt: 1.5 } }, "integer"],
  ["a number below its minimum", { body: { ...me, uid: 0 } }, ">= 1"],
  ["a text that does not match", { body: { ...me, asOf: "5" } }, "pattern"],
  ["a field more of what extends another schema", rooms({ ...conversation, age: 5 }), "unevaluated"],
  ["a field fewer of what extends another schema", rooms({ ...conversation, id: undefined }), "required property 'id'"],
  ["no body", { body: undefined }, "must be object"],
  ["another type", { headers: { "Content-Type": "text/html" } }, "it is text/html"],
  ["a status that is not named", { status: 201 }, "getMe has no such status"],
  ["a body after HEAD", { method: "HEAD" }, "there is a body"],
  ["a body with 204", { method: "DELETE", status: 204 }, "there is a body"],
  ["a refusal of another operation", refused(403, "origin_forbidden"), "allowed values"],
  ["a refusal with another status", { ...refused(403, "account_disabled"), status: 401 }, "WWW-Authenticate"],
  ["a refusal without its header", refused(429, "rate_limited"), "there is no Retry-After"],
  ["a header that does not match", refused(503, "draining", { "Retry-After": "soon" }), "Retry-After"],
  [
    "a field more of a refusal",
    { ...refused(403, "account_disabled"), body: { ...refusal(403, "account_disabled"), a: 1 } },
    "unevaluated",
  ],
  ["success where there is no operation", { path: "/api/v1/nothing" }, "no such operation"],
  ["success of another method", { method: "POST" }, "no such operation"],
])("HTTP-26: %s is not taken", (_, change, why) => {
  expect(fault(change)).toContain(why);
});
