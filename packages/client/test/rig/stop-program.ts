import { createClient } from "../../src/index.ts";

// Nobody listens there: the client waits for a minute, and its own handler stops it.
const timing = { backoffFirstMs: 60_000, backoffMaxMs: 60_000 };
const client = createClient({ url: "http://127.0.0.1:9", token: "t" }, { timing });
client.on("state", ({ kind }) => {
  if (kind === "waiting") client.stop();
  console.log(kind);
});
client.start();
