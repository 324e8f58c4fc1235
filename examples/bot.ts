/**
 * A bot: answers `/time` in its rooms, and echoes what mentions it. Killed at any moment and started again, it answers what it
 * missed, and each message once: the cursor says how far it has come, and an answer's clientId is made of the id of the message
 * that it answers, so that the same answer sent twice is stored once.
 *
 *   PARLEY_NAME=bot PARLEY_PASSWORD=… node packages/server/bin/bun.mjs examples/bot.ts
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createClient, type ParleyError } from "@parley/client";

const {
  PARLEY_URL: url = "http://localhost:8080",
  PARLEY_NAME: name = "",
  PARLEY_PASSWORD: password = "",
  BOT_FILE: file = new URL("bot-state.json", import.meta.url).pathname,
} = process.env;

if (!existsSync(file) && !(name && password)) {
  console.error("Set PARLEY_NAME and PARLEY_PASSWORD, the bot's account: npx parley user add bot");
  process.exit(1);
}
// The token too, or each start would be one more signed-in device.
const kept: { token?: string; cursor?: string } = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
const identity = kept.token ? { token: kept.token } : { login: { name, password } };
const client = createClient({
  url,
  ...identity,
  ...(kept.cursor ? { cursor: kept.cursor } : {}),
  max: 100_000,
  maxWaiting: 200_000,
});

function write({ token, cursor }: { token: string | undefined; cursor: string | undefined }): void {
  writeFileSync(`${file}.new`, JSON.stringify({ token, cursor }), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Only when nothing waits to be sent does the cursor mean: all of this is answered. */
const keep = () => client.waiting === 0 && client.cursor && write(client);

const me = await client.request("GET /me").catch(({ status, message }: ParleyError) => {
  console.error(`Cannot sign in at ${url}: ${message}`);
  // A login ends at some point. The next start signs in anew and continues where this one was.
  if (status === 401 && kept.token) write({ token: undefined, cursor: kept.cursor });
  process.exit(1);
});

client.on("message", ({ fromUser, message: { id, roomId, body, sendTime } }) => {
  if (fromUser.uid === me.uid || typeof body === "string" || !("content" in body)) return;
  const text = body.content.trim();
  const isMentioned = body.atUidList.includes(me.uid) || text.startsWith(`@${me.name} `);
  // The same answer whenever it is given: another text under the same clientId would be refused.
  const time = text === "/time" && `You asked at ${new Date(sendTime).toISOString()}`;
  const answer = time || (isMentioned && `Echo: ${Array.from(text).slice(0, 4000).join("")}`);
  if (answer) client.send(roomId, answer, { clientId: `answer-${id}`, replyTo: id }).catch(() => {});
});
client.on("event", () => queueMicrotask(keep)); // the cursor moves on behind the handlers
client.on("sent", keep);
// The room refuses, for example because the bot was removed from it. The end of the bot's login is not a refusal: the answers still wait,
// the cursor stays before their questions, and the next start sends them.
client.on("refused", ({ roomId, error }) => {
  console.error(`No answer in room ${roomId}: ${error.message}`);
  keep();
});
client.on("resync", ({ why }) => console.error(`Some messages are too old to be answered (${why})`));
client.on("state", (state) => {
  if (state.kind === "live") keep();
  console.log(state.kind === "live" ? `${me.name} is live` : state.kind);
  if (state.kind === "stopped") process.exit(1);
});
client.start();
