import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "../src/lib/clock.ts";
import { ApiClient } from "./api-client.ts";
import type { Person } from "./harness.ts";
import { AUDIENCE, ISSUER, type IssuerKey, newKey, newProductToken } from "./product-issuer.ts";
import { Stage } from "./transports/stage.ts";

/** A product beside a server whose time stands still; the server takes the product's tokens. */
export class Product {
  readonly key: IssuerKey = newKey("k1");
  /** The clock of both threads of the server. */
  readonly clock = new ManualClock();
  readonly #folder = mkdtempSync(join(tmpdir(), "product-"));
  /** The settings that make a server take the product's tokens. */
  settings: Record<string, string> = {};
  #people = 0;
  #stage: Stage | undefined;

  /** @param settings override the usual ones */
  static async open(settings: Record<string, string> = {}): Promise<Product> {
    const product = new Product();
    const file = join(product.#folder, "key.json");
    writeFileSync(file, JSON.stringify(product.key.jwk));
    product.settings = { JWT_ALGORITHM: "ES256", JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE, JWT_KEY_FILE: file };
    product.#stage = await Stage.open({ ...product.settings, ...settings }, { clock: product.clock });
    return product;
  }

  get stage(): Stage {
    if (!this.#stage) throw new Error("the product has not been opened");
    return this.#stage;
  }

  get url(): string {
    return this.stage.server.url;
  }

  async close(): Promise<void> {
    await this.#stage?.close();
    rmSync(this.#folder, { recursive: true });
  }

  token(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): Promise<string> {
    return newProductToken({ key: this.key, now: this.clock.now(), claims, header });
  }

  /** An external id that nobody has had yet. */
  newId(): string {
    this.#people += 1;
    return `customer-${this.#people}`;
  }

  /** A person who has signed in with a token, and their external id. */
  async person(claims: Record<string, unknown> = {}): Promise<Person & { externalId: string }> {
    const externalId = (claims.sub as string | undefined) ?? this.newId();
    const token = await this.token({ ...claims, sub: externalId });
    const api = new ApiClient(this.url, token);
    const { uid, name } = await api.ok<{ uid: number; name: string }>("GET", "/me");
    return { uid, name, token, api, externalId };
  }
}
