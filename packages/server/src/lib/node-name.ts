import { hostname } from "node:os";

/** Distinguishes this process from others, for operators. */
export function nodeName(): string {
  return `${hostname()}:${process.pid}`.slice(0, 128);
}
