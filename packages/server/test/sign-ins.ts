import { type IdentityApp, PASSWORD } from "./identity-app.ts";

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
