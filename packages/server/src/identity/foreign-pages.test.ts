import { afterAll, beforeAll, expect, test } from "bun:test";
import { type IdentityApp, openIdentityApp, PASSWORD } from "../../test/identity-app.ts";
import { StillTime } from "../../test/still-time.ts";

const FRIEND = "https://friend.example";

let app: IdentityApp;
beforeAll(async () => {
  app = await openIdentityApp({ RATE_LIMITS: "on", ALLOWED_ORIGINS: FRIEND });
});
afterAll(() => app.close());

const newCode = (headers: Record<string, string> = {}) => app.ask("/qr-logins", { method: "POST", headers });
const FOREIGN = [
  { Origin: "https://elsewhere.example" },
  { Origin: "null" },
  { Origin: "https://elsewhere.example", "Sec-Fetch-Site": "cross-site" },
  { "Sec-Fetch-Site": "cross-site" },
];

test("ID-39: a page of another host spends nothing of what its visitor may ask for", async () => {
  for (let round = 0; round < 10; round++) {
    for (const headers of FOREIGN) {
      expect(await newCode(headers)).toMatchObject({ status: 403, body: { code: "origin_forbidden" } });
    }
  }
  for (let made = 0; made < 20; made++) expect((await newCode()).status).toBe(201);
  expect((await newCode()).status).toBe(429);
});

test("ID-39: nor can it make accounts or sign in", async () => {
  const body = { name: "Ada", password: PASSWORD };
  for (const headers of FOREIGN) {
    for (const path of ["/accounts", "/logins"]) {
      for (let round = 0; round < 6; round++) {
        expect(await app.ask(path, { body, headers })).toMatchObject({
          status: 403,
          body: { code: "origin_forbidden" },
        });
      }
    }
  }
  expect((await app.ask("/accounts", { body })).status).toBe(201);
});

test("ID-39: pages of this host and of ALLOWED_ORIGINS may", async () => {
  using time = new StillTime();
  time.advance(60_001);
  const own = [
    { Origin: app.url.origin, "Sec-Fetch-Site": "same-origin" },
    { Origin: FRIEND, "Sec-Fetch-Site": "cross-site" },
    { "Sec-Fetch-Site": "none" },
  ];
  for (const headers of own) expect((await newCode(headers)).status).toBe(201);
});
