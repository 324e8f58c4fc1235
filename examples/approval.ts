/**
 * An approval: Ada asks for three days off, and Ben, who decides, is told on a phone and on a laptop. Ben grants it on one of them; the dot is
 * gone on both, and Ada's page changes by itself. This file plays the product's backend and the three devices; it ends by itself.
 *
 *   PARLEY_KEY=ps_… node packages/server/bin/bun.mjs examples/approval.ts
 */
import { createClient } from "@parley/client";
import { notificationsOf } from "@parley/client/calls";
import { createServerClient } from "@parley/client/server";

const { PARLEY_URL: url = "http://localhost:8080", PARLEY_KEY: key = "" } = process.env;
if (!key) {
  console.error("Set PARLEY_KEY, a server key: npx parley key add shop");
  process.exit(1);
}
const parley = createServerClient({ url, key });
const run = Date.now().toString(36);
const [ada, ben] = [`ada-${run}`, `ben-${run}`];

/** A device that shows its dot whenever it changes. */
async function device(name: string, user: string) {
  const { token } = await parley.makeToken(user);
  const client = createClient({ url, token });
  let dot = -1;
  const waiting = new Set<() => void>();
  const show = (count: number) => {
    if (count !== dot) console.log(`${name}: ${count === 0 ? "no dot" : `a dot, ${count}`}`);
    dot = count;
    for (const look of waiting) look();
  };
  client.on("red_dot", ({ notifications }) => show(notifications));
  client.on("self", ({ unseen }) => unseen !== undefined && show(unseen));
  client.on("notification", (notice) => {
    if ("title" in notice && notice.title !== null)
      console.log(`${name}: ${notice.title}${notice.done ? " (done)" : ""}`);
  });
  client.on("custom", ({ kind, data }) => console.log(`${name}: ${kind} ${JSON.stringify(data)}`));
  client.start();
  const has = (count: number) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (dot !== count) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  return { client, has };
}

await parley.putUsers([
  { externalId: ada, name: "Ada" },
  { externalId: ben, name: "Ben" },
]);
const [page, phone, laptop] = [await device("Ada", ada), await device("Phone", ben), await device("Laptop", ben)];
await Promise.all([page.has(0), phone.has(0), laptop.has(0)]);

// Ada asks. The product sends a notification, and calls the matter request-7.
const matter = { kind: "approval", key: `request-7-${run}` };
const { id } = await parley.notify({
  ...matter,
  to: { users: [ben] },
  title: "Ada asks for three days off",
  text: "From Monday to Wednesday.",
  link: "/requests/7",
});
await Promise.all([phone.has(1), laptop.has(1)]);

// Ben opens it on the phone and grants it there: the product settles the matter, and tells Ada's page.
await notificationsOf(phone.client).read({ ids: [id] });
await parley.settle(matter.kind, matter.key);
await parley.push({ to: { users: [ada] }, kind: "request.granted", data: { request: 7 } });
await parley.notify({ to: { users: [ada] }, kind: "answer", title: "Ben has granted your three days", text: "" });
await Promise.all([phone.has(0), laptop.has(0), page.has(1)]);

for (const { client } of [page, phone, laptop]) client.stop();
for (const user of [ada, ben]) await parley.deleteUser(user);
console.log("The end");
