#!/usr/bin/env node
// Runs the Bun that npm installed, from plain Node: `node bun.mjs <arguments>`. npm's own shim does not work where install
// scripts are off, since Bun's is what puts the binary in place; then the binary is still in its platform package.
// Where Node can replace itself by another program it does, so that signals reach the server directly; elsewhere they are
// passed on. This file must run on every Node from 20 on and imports nothing installed.
import { spawn } from "node:child_process";
import { existsSync, realpathSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** npm's placeholder is a few hundred bytes of shell; the real binary has tens of megabytes. */
const SMALLEST_BINARY_BYTES = 1_000_000;

/** The path of the installed Bun, or undefined. */
export function findBun() {
  const require = createRequire(import.meta.url);
  const manifest = resolveOr(require, "bun/package.json");
  if (manifest === undefined) return undefined;
  const placed = join(dirname(manifest), "bin", "bun.exe");
  if (existsSync(placed) && statSync(placed).size > SMALLEST_BINARY_BYTES) return placed;

  const fromBun = createRequire(manifest);
  const name = process.platform === "win32" ? "bun.exe" : "bun";
  for (const platform of platformPackages()) {
    const found = resolveOr(fromBun, `@oven/${platform}/package.json`);
    const binary = found && join(dirname(found), "bin", name);
    if (binary && existsSync(binary)) return binary;
  }
  return undefined;
}

function resolveOr(require, path) {
  try {
    return require.resolve(path);
  } catch {
    return undefined;
  }
}

/** Names of the packages that could hold a binary for this machine, the fitting one first. */
function platformPackages() {
  const system = process.platform === "win32" ? "windows" : process.platform;
  const name = `bun-${system}-${process.arch === "arm64" ? "aarch64" : process.arch}`;
  if (system !== "linux") return [name];
  // An npm that does not know `libc` installs both; only one of them starts.
  const glibc = process.report?.getReport().header.glibcVersionRuntime !== undefined;
  return glibc ? [name, `${name}-musl`] : [`${name}-musl`, name];
}

/**
 * Runs Bun with `args` in place of this process, or as its child with the same input, output, signals and exit. The child also ends when
 * this process is killed outright: people who kill what they started expect the program to be gone, its port and its data folder free.
 */
export function runBun(args) {
  const bun = findBun();
  if (bun === undefined) {
    console.error(
      `Bun, which runs Parley, is not installed for ${process.platform} ${process.arch}.\n` +
        "Run `npm ci` (without --omit=optional) and try again.",
    );
    process.exit(1);
  }
  if (process.platform !== "win32" && typeof process.execve === "function") {
    // Node calls this experimental and would say so on the server's standard error.
    process.removeAllListeners("warning");
    process.execve(bun, [bun, ...args], process.env);
  }
  // Before the child is there, since it may say that it is ready before this process has another turn.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
    process.on(signal, () => {
      // A terminal sends these two to the child as well; passed on, one Ctrl-C would count as two.
      if (signal !== "SIGTERM" && process.stdin.isTTY) return;
      child.kill(signal);
    });
  }
  const child = spawn(bun, ["--no-orphans", ...args], { stdio: "inherit" });
  child.on("error", (error) => {
    console.error(`Bun could not be started (${bun}): ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) runBun(process.argv.slice(2));
