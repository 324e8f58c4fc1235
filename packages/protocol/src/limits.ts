/** Bounds that are part of the contract: a client may rely on them. Bounds that an operator can change are in the server's config. */
export * as LIMITS from "./limit-values.ts";
