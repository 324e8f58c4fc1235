import { type Mock, spyOn } from "bun:test";
import { delay } from "../src/lib/interval.ts";
import { type IdentityApp, PASSWORD } from "./identity-app.ts";
import { endLater } from "./left-running.ts";

/** Sign-ins from one address and another, right and wrong, for tests of what limits them. */
export function signInsOf(app: () => IdentityApp) {
  const register = async (name: string, ip: string) =>
    (await app().ask("/accounts", { body: { name, password: PASSWORD }, ip })).body.token as string;
  const signIn = (name: string, password: string, ip: string, token?: string) =>
    app().ask("/logins", { body: { name, password }, ip, ...(token === undefined ? {} : { token }) });
  const statusOf = async (...ask: Parameters<typeof signIn>) => (await signIn(...ask)).status;

  /** Wrong passwords for an account, five from each of that many unknown addresses. */
  async function strangersTry(name: string, addresses: number): Promise<number[]> {
    const statuses: number[] = [];
    for (let from = 0; from < addresses; from++) {
      for (let guess = 0; guess < 5; guess++) statuses.push(await statusOf(name, `guess ${guess}`, `10.9.${from}.1`));
    }
    return statuses;
  }

  return { register, signIn, statusOf, strangersTry };
}

/**
 * Passwords whose hashes cost no work, for tests that try hundreds of them. Each still takes a moment, so that others wait for their turn.
 * Call `restore` at the end.
 */
export class CheapPasswords {
  readonly verifying: Mock<typeof Bun.password.verify>;
  readonly #hashing: Mock<typeof Bun.password.hash>;
  readonly #ended = endLater(() => this.restore());

  constructor() {
    this.#hashing = spyOn(Bun.password, "hash").mockImplementation(async (password) => this.#hashOf(password));
    this.verifying = spyOn(Bun.password, "verify").mockImplementation((...given) => this.verify(...given));
  }

  async verify(...[password, hash]: Parameters<typeof Bun.password.verify>): Promise<boolean> {
    await delay(2);
    return hash === this.#hashOf(password);
  }

  restore(): void {
    this.#ended();
    for (const spy of [this.#hashing, this.verifying]) spy.mockRestore();
  }

  #hashOf(password: Bun.StringOrBuffer): string {
    return `not hashed: ${password}`;
  }
}
