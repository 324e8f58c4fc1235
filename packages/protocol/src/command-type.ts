/** Frames from client to server. What changes state goes over HTTP; these are about the connection itself. */
export * as Command from "./command-values.ts";
