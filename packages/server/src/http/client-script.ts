import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Context, Hono } from "hono";
import type { AppEnv } from "./app-env.ts";

/** The client package, in this checkout. */
const CLIENT = dirname(fileURLToPath(import.meta.resolve("@parley/client/package.json")));

interface ScriptFile {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

/**
 * The client for pages that bundle nothing: `<script src="/parley-client.js">` makes `Parley`, and its worker is next to it. Built
 * from the client package at the first request (about 0.1 s) and kept; a failure is tried again at the next one. The name stays
 * when the content changes, so browsers ask every time and get 304; with `?v=<anything>` they keep it for ever.
 */
export function clientScript(build: BuildScript = builtScript): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();
  let built: Promise<{ script: ScriptFile; worker: ScriptFile }> | undefined;
  const files = () => {
    built ??= both(build).catch((error) => {
      built = undefined;
      throw error;
    });
    return built;
  };
  routes.get("/parley-client.js", async (c) => answer(c, (await files()).script));
  routes.get("/parley-heartbeat.js", async (c) => answer(c, (await files()).worker));
  return routes;
}

/** The minified text of one of the client package's sources. */
type BuildScript = (source: string) => Promise<string>;

async function both(build: BuildScript): Promise<{ script: ScriptFile; worker: ScriptFile }> {
  const [script, worker] = await Promise.all([build("global.ts"), build("heartbeat-worker.js")]);
  return { script: file(script), worker: file(worker) };
}

async function builtScript(source: string): Promise<string> {
  const { outputs } = await Bun.build({
    entrypoints: [join(CLIENT, "src", source)],
    target: "browser",
    format: "iife",
    minify: true,
  });
  const [output] = outputs;
  if (!output) throw new Error(`the client package has no ${source}`);
  return output.text();
}

function answer(c: Context<AppEnv>, { body, etag }: ScriptFile): Response {
  const same = c.req.header("If-None-Match")?.includes(etag) ?? false;
  const keep = c.req.query("v") === undefined ? "no-cache" : "public, max-age=31536000, immutable";
  return new Response(same ? null : body, {
    status: same ? 304 : 200,
    headers: {
      ETag: etag,
      "Cache-Control": keep,
      ...(same ? {} : { "Content-Type": "text/javascript; charset=utf-8" }),
    },
  });
}

function file(text: string): ScriptFile {
  const body = new TextEncoder().encode(text);
  const hash = new Bun.CryptoHasher("sha256").update(body).digest("hex").slice(0, 16);
  return { body, etag: `"${hash}"` };
}
