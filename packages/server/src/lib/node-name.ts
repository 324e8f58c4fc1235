import { hostname } from "node:os";

/** What tells this process apart from others, for people who look after it. */
export function nodeName(): string {
  return `${hostname()}:${process.pid}`.slice(0, 128);
}
