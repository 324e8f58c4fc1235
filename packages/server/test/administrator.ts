import { setAccount } from "../src/identity/admin-actions.ts";
import type { Passwords } from "../src/identity/passwords.ts";
import type { Person, TestServer } from "./harness.ts";

/** Makes or unmakes an administrator of the server, as `parley user set` does; no password is involved. */
export async function setPower({ storage }: TestServer, name: string, power: 0 | 1): Promise<void> {
  await setAccount({ ...storage, passwords: undefined as unknown as Passwords }, { name, power });
}

/** A new account of an administrator, signed in over HTTP. */
export async function administrator(server: TestServer, name: string): Promise<Person> {
  const person = await server.person(name);
  await setPower(server, name, 1);
  return person;
}
