import type { Installation } from "./installation.ts";
import type { Person, Requests } from "./people.ts";

/** Uids that do not belong to the people of a run. */
export interface Product {
  readonly administrator: Person;
  /** The product's own backend; its token is a server key. */
  readonly backend: Person;
}

export async function openProduct(server: Pick<Installation, "parley">, requests: Requests): Promise<Product> {
  const administrator = await requests.signUp("administrator");
  await server.parley("user", "set", administrator.name, "--admin");
  const { status, body } = await requests.ask(administrator, "POST", "/admin/keys", { name: "product" });
  if (status !== 201) throw new Error(`no server key: ${status} ${JSON.stringify(body)}`);
  return { administrator, backend: { uid: 0, name: "product", token: String(body.key) } };
}
