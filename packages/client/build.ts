/**
 * Puts the client together for those who do not bundle themselves:
 *
 *   npm run build --workspace @parley/client
 *
 * writes `dist/parley-client.js` (a module, which Node, Bun and bundlers get by the package's name), `dist/parley-client.global.js`
 * (a script that makes `Parley`), the worker's file, `dist/parley-calls.js` and `dist/parley-store.js` (modules for programs that
 * show contacts, notifications, rooms), `dist/parley-server.js` (a module for Node and Bun alone), the types, and in `dist/cjs` the modules once more as CommonJS, with types of their own: a
 * compiler and Node tell the two apart by the nearest package.json. Another folder may be named. The server makes the first three at the first
 * request for its own `/parley-client.js`. `npm pack` builds it first. What is packed depends on nothing.
 */
import { join } from "node:path";
import { writeTypes } from "./build-types.ts";

const SOURCES = join(import.meta.dir, "src");

export type ClientFile = "parley-client.js" | "parley-client.global.js" | "heartbeat-worker.js";
const SERVER_FILE = "parley-server.js";
const CALLS_FILE = "parley-calls.js";
const STORE_FILE = "parley-store.js";

/** Texts by file name: the module of whole lines, what pages load as it is minified. Takes about a tenth of a second. */
export async function buildClient(): Promise<Record<ClientFile, string>> {
  const [module, script, worker] = await Promise.all([
    built("index.ts", "esm"),
    built("global.ts", "iife", { minify: true }),
    built("heartbeat-worker.js", "iife", { minify: true }),
  ]);
  return { "parley-client.js": module, "parley-client.global.js": script, "heartbeat-worker.js": worker };
}

/** What a program keeps of rooms, messages and people; it is given a client and holds none of the client's code. */
export async function buildStore(): Promise<string> {
  return built("store.ts", "esm");
}

/** As a page gets the two modules from a bundler. */
export async function minifiedModules(): Promise<{ client: string; store: string }> {
  const [client, store] = await Promise.all([
    built("index.ts", "esm", { minify: true }),
    built("store.ts", "esm", { minify: true }),
  ]);
  return { client, store };
}

/** The caller for the product's own backend, which no page loads. */
export async function buildServerClient(): Promise<string> {
  return built("server.ts", "esm");
}

/** The modules for `require`, by the names of the others. */
async function buildCommonJs(): Promise<Record<string, string>> {
  const entries = {
    "parley-client.js": "commonjs.ts",
    [CALLS_FILE]: "calls.ts",
    [STORE_FILE]: "store.ts",
    [SERVER_FILE]: "server.ts",
  };
  const texts = Object.entries(entries).map(async ([name, entry]) => [name, await built(entry, "cjs")]);
  return Object.fromEntries(await Promise.all(texts));
}

/**
 * One file. Modules keep their lines: Node prints the line that threw before the error, and of a minified module that is all of
 * it. What pages get of a module is minified by their bundler.
 */
async function built(entry: string, format: "esm" | "iife" | "cjs", { minify } = { minify: false }): Promise<string> {
  const entrypoints = [join(SOURCES, entry)];
  const { outputs } = await Bun.build({ entrypoints, target: "browser", format, minify });
  const [output] = outputs;
  if (!output || outputs.length > 1) throw new Error(`${entry} did not become one file`);
  return output.text();
}

if (import.meta.main) {
  const folder = process.argv[2] ?? join(import.meta.dir, "dist");
  const files = {
    ...(await buildClient()),
    [CALLS_FILE]: await built("calls.ts", "esm"),
    [STORE_FILE]: await buildStore(),
    [SERVER_FILE]: await buildServerClient(),
  };
  for (const [name, text] of Object.entries(files)) {
    await Bun.write(join(folder, name), text);
    console.log(`${name}: ${text.length} bytes, ${Bun.gzipSync(text).length} gzip`);
  }
  await writeTypes(join(folder, "types"));
  const commonJs = join(folder, "cjs");
  await Bun.write(join(commonJs, "package.json"), '{ "type": "commonjs" }\n');
  for (const [name, text] of Object.entries(await buildCommonJs())) await Bun.write(join(commonJs, name), text);
  await writeTypes(join(commonJs, "types"));
}
