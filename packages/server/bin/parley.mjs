#!/usr/bin/env node
import { fileURLToPath } from "node:url";
import { runBun } from "./bun.mjs";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
runBun([main, ...process.argv.slice(2)]);
