import type { FriendRequest } from "./api/api-types.ts";
import type { Reply, Routes } from "./api/routes.ts";
import type { Client } from "./client.ts";
import { check, checkId } from "./lib/check.ts";

type Page<R extends "GET /friends" | "GET /friend-requests" | "GET /blocks"> = NonNullable<Routes[R]["args"]["query"]>;

/** The friends of a client's user, requests to be friends, and the people whom the user has blocked. */
export interface Contacts {
  /** A page of friends, by uid. */
  friends(page?: Page<"GET /friends">): Promise<Reply<"GET /friends">>;
  /** What the user calls a friend; empty: by their own name. Nobody else sees it. */
  remark(uid: number, remark: string): Promise<Reply<"PATCH /friends/{uid}">>;
  /** Ends a friendship, for both. */
  remove(uid: number): Promise<void>;

  /** A page of requests, the user's own and those to the user, the newest first. */
  requests(page?: Page<"GET /friend-requests">): Promise<Reply<"GET /friend-requests">>;
  /** Asks somebody to be a friend. Where they have asked the user, this accepts. */
  ask(uid: number, text?: string): Promise<FriendRequest>;
  accept(requestId: number): Promise<FriendRequest>;
  reject(requestId: number): Promise<FriendRequest>;
  /** Takes a request of the user's own back. */
  withdraw(requestId: number): Promise<void>;
  /** The user has read the requests up to this id: they make no dot any more. @returns how many are not read */
  read(upTo: number): Promise<{ friendRequests: number }>;

  /** A page of the people whom the user has blocked, by uid. */
  blocks(page?: Page<"GET /blocks">): Promise<Reply<"GET /blocks">>;
  /** They do not learn of it. */
  block(uid: number): Promise<void>;
  unblock(uid: number): Promise<void>;
}

/**
 * It stands beside the client, so that pages which show none do not load it. What becomes of requests comes as `apply` and `friend`, and what was done on
 * another device as `self`. Its promises reject with a TypeError where an argument is wrong, else with the server's refusal.
 */
export function contactsOf(client: Client): Contacts {
  // All of them wait, so that a wrong argument rejects the promise and throws nothing.
  return {
    friends: async (query = {}) => client.request("GET /friends", { query }),
    async remark(uid, remark) {
      check(typeof remark === "string", "remark", "a text");
      return client.request("PATCH /friends/{uid}", { path: person(uid), body: { remark } });
    },
    remove: async (uid) => client.request("DELETE /friends/{uid}", { path: person(uid) }),
    requests: async (query = {}) => client.request("GET /friend-requests", { query }),
    async ask(uid, text = "") {
      check(typeof text === "string", "text", "a text");
      return client.request("POST /friend-requests", { body: { userId: person(uid).uid, text } });
    },
    accept: async (id) => client.request("POST /friend-requests/{id}/accept", { path: request(id) }),
    reject: async (id) => client.request("POST /friend-requests/{id}/reject", { path: request(id) }),
    withdraw: async (id) => client.request("DELETE /friend-requests/{id}", { path: request(id) }),
    async read(upTo) {
      checkId(upTo, "upTo", "a friend request's id");
      return client.request("PUT /friend-requests/read", { body: { upTo } });
    },
    blocks: async (query = {}) => client.request("GET /blocks", { query }),
    block: async (uid) => client.request("PUT /blocks/{uid}", { path: person(uid) }),
    unblock: async (uid) => client.request("DELETE /blocks/{uid}", { path: person(uid) }),
  };
}

function person(uid: number): { uid: number } {
  checkId(uid, "uid", "a person's id");
  return { uid };
}

function request(id: number): { id: number } {
  checkId(id, "requestId", "a friend request's id");
  return { id };
}
