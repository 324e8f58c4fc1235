/** Bounds that are part of the contract: a client may rely on them. Those an operator can change are in the server's config. */
export * as LIMITS from "./limit-values.ts";
