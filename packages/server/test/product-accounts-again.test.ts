import { afterAll, beforeAll, expect, test } from "bun:test";
import { LOCAL_RATES } from "../src/limits/limits.ts";
import { ApiClient } from "./api-client.ts";
import { Product } from "./product.ts";

let product: Product;
beforeAll(async () => {
  product = await Product.open({ RATE_LIMITS: "on" });
}, 30_000);
afterAll(() => product.close());

const tokenOf = (sub: string) => product.token({ sub });
/** Moves to a later second, since tokens from the second in which an account was deleted are refused. */
const later = () => product.clock.advance(2000);

test("TOK-26: somebody who deletes one account after the other gets twenty more in a day, and others are not concerned", async () => {
  const sub = product.newId();
  const uids = new Set<number>();
  for (let times = 0; times <= LOCAL_RATES.accountsAgain.count; times++) {
    const api = new ApiClient(product.url, await tokenOf(sub));
    uids.add((await api.ok<{ uid: number }>("GET", "/me")).uid);
    await api.ok("DELETE", "/me");
    later();
  }
  expect(uids.size).toBe(LOCAL_RATES.accountsAgain.count + 1);
  const token = await tokenOf(sub);
  const refused = await new ApiClient(product.url, token).call("GET", "/me");
  expect([refused.status, refused.body]).toMatchObject([429, { code: "rate_limited" }]);
  const live = await product.stage.server.connect({ token });
  expect((await live.ended()).code).toBe(1013);
  const { db } = product.stage.server.storage;
  expect(await db.selectFrom("users").select("uid").where("external_id", "=", sub).execute()).toEqual([]);

  const other = product.newId();
  await new ApiClient(product.url, await tokenOf(other)).ok("DELETE", "/me");
  later();
  expect((await new ApiClient(product.url, await tokenOf(other)).call("GET", "/me")).status).toBe(200);
});
