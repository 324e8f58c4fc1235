import { expect, test } from "bun:test";
import { pathOf } from "./routes.ts";

test("SDK-44: parameters stand in the path as one part each, whatever is in them", () => {
  expect(pathOf("/rooms/{id}/members/{uid}", { id: 7, uid: 8 })).toBe("/rooms/7/members/8");
  expect(pathOf("/qr-logins/{code}", { code: "a/b?c#d" })).toBe("/qr-logins/a%2Fb%3Fc%23d");
  expect(pathOf("/rooms")).toBe("/rooms");
});
