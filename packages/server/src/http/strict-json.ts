import type { MiddlewareHandler } from "hono";
import { ProblemError } from "../lib/problem.ts";
import type { AppEnv } from "./app-env.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Refuses JSON bodies that are not UTF-8, of which the runtime would silently make another text. Only at the moment when
 * a route reads its body, so a body that nobody needs stays unread; it is decoded and parsed once. An empty body counts as an object
 * without fields, since clients that always say `application/json` send one where they have nothing to say.
 */
export const strictJson: MiddlewareHandler<AppEnv> = async (c, next) => {
  const { method } = c.req.raw;
  if (method !== "GET" && method !== "HEAD") {
    c.req.json = async () => {
      const bytes = await c.req.arrayBuffer();
      if (bytes.byteLength === 0) return {};
      let text: string;
      try {
        text = utf8.decode(bytes);
      } catch (error) {
        const message = "The body is not valid UTF-8";
        // The validator answers every failure alike; the error handler looks here first.
        c.set("bodyFault", new ProblemError("invalid", message, { extra: { errors: [{ path: "", message }] } }));
        throw error;
      }
      return JSON.parse(text);
    };
  }
  await next();
};
