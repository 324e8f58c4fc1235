/**
 * A product that uses Parley: a shop with its own table of people, its own tokens and its own orders. A customer orders, the boss
 * approves, and both see it at once on every device. `examples/README.md` says how to run it.
 */
import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createServerClient } from "@parley/client/server";
import { Outbox } from "./outbox.ts";
import { Tokens } from "./tokens.ts";

const {
  PARLEY_URL: url = "http://localhost:8080",
  PARLEY_KEY: key = "",
  PORT = "8000",
  SHOP_DIR: dir = "shop-data",
} = process.env;
if (!key) {
  console.error("Set PARLEY_KEY, a server key: npx parley key add shop");
  process.exit(1);
}
mkdirSync(dir, { recursive: true });
const tokens = new Tokens(join(dir, "key.pem"));
const db = new Database(join(dir, "shop.db"));
db.run("pragma journal_mode = wal");
db.run("create table if not exists people (id text primary key, name text not null)");
db.run(
  "create table if not exists orders (id integer primary key, request text unique, customer text, item text, approved integer not null default 0)",
);
db.run("insert or ignore into people values ('boss', 'The boss'), ('ada', 'Ada'), ('ben', 'Ben')");
const parley = createServerClient({ url, key });
const outbox = new Outbox(db, parley);

interface Person {
  id: string;
  name: string;
}
interface Order {
  id: number;
  customer: string;
  item: string;
  approved: 0 | 1;
}
const personOf = (id: string) => db.query<Person, [string]>("select * from people where id = ?").get(id);

/** The customer's request may come again if its answer was lost: `request` identifies it. */
const order = db.transaction((customer: Person, { request, item }: { request: string; item: string }) => {
  const made = db.query<Order, [string, string, string]>(
    "insert into orders (request, customer, item) values (?, ?, ?) on conflict do nothing returning *",
  );
  const row = made.get(request, customer.id, item);
  if (!row) return db.query<Order, [string]>("select * from orders where request = ?").get(request) as Order;
  outbox.add({ push: { to: { users: [customer.id] }, kind: "order.placed", data: { order: row.id } } });
  const title = `${customer.name} orders ${item}`;
  const matter = { kind: "approval", key: `order-${row.id}`, link: `/orders/${row.id}` };
  outbox.add({ notify: { ...matter, to: { users: ["boss"] }, title, text: "" } });
  return row;
});

const approve = db.transaction((id: number) => {
  const row = db
    .query<Order, [number]>("update orders set approved = 1 where id = ? and approved = 0 returning *")
    .get(id);
  if (!row) return db.query<Order, [number]>("select * from orders where id = ?").get(id);
  outbox.add({ settle: { kind: "approval", key: `order-${id}` } });
  outbox.add({ push: { to: { users: [row.customer] }, kind: "order.approved", data: { order: id } } });
  outbox.add({
    notify: { to: { users: [row.customer] }, kind: "answer", title: `Your ${row.item} is on its way`, text: "" },
  });
  return row;
});

async function signedIn(request: Request): Promise<Person> {
  const token = request.headers.get("Authorization")?.replace(/^Bearer /, "") ?? "";
  return personOf(await tokens.ownerOf(token)) as Person;
}

/** A real product would ask for a password here. */
async function signIn(request: Request): Promise<Response> {
  const person = personOf(((await request.json()) as { user: string }).user);
  if (!person) return new Response("Nobody has this name", { status: 401 });
  return new Response(await tokens.make(person));
}

// Everybody in the table can be told things, even before they have signed in for the first time.
const people = db.query<Person, []>("select * from people").all();
const introduce = () => parley.putUsers(people.map(({ id, name }) => ({ externalId: id, name })));
for (let isDone = false; !isDone; ) {
  isDone = await introduce().then(
    () => true,
    () => Bun.sleep(500).then(() => false),
  );
}

const server = Bun.serve({
  port: Number(PORT),
  hostname: "127.0.0.1",
  routes: {
    "/keys": async () => Response.json(await tokens.published()),
    "/sign-in": { POST: signIn },
    "/orders": {
      POST: async (request) => {
        const [customer, wish] = [await signedIn(request), (await request.json()) as { request: string; item: string }];
        return Response.json(order(customer, wish), { status: 201 });
      },
    },
    "/orders/:id/approve": {
      POST: async (request) => {
        if ((await signedIn(request)).id !== "boss") return new Response("Only the boss approves", { status: 403 });
        const row = approve(Number(request.params.id));
        return row ? Response.json(row) : new Response("There is no such order", { status: 404 });
      },
    },
  },
  error: (error) => new Response(error.message, { status: error.name.startsWith("JW") ? 401 : 500 }),
});
console.log(`The shop is open: ${server.url}`);
