import { expect, test } from "bun:test";
import { operationId } from "./operation-id.ts";

test.each([
  ["get", "/api/v1/me", "getMe"],
  ["get", "/api/v1/rooms", "getRooms"],
  ["post", "/api/v1/rooms", "postRooms"],
  ["get", "/api/v1/rooms/{id}", "getRoom"],
  ["post", "/api/v1/rooms/direct", "postRoomsDirect"],
  ["get", "/api/v1/rooms/{id}/members", "getRoomMembers"],
  ["delete", "/api/v1/rooms/{id}/members/{uid}", "deleteRoomMember"],
  ["put", "/api/v1/rooms/{id}/members/{uid}/role", "putRoomMemberRole"],
  ["post", "/api/v1/qr-logins/{code}/scan", "postQrLoginScan"],
  ["delete", "/api/v1/entries/{id}", "deleteEntry"],
])("HTTP-12: %s %s is called %s", (method, path, name) => {
  expect(operationId(method, path)).toBe(name);
});
