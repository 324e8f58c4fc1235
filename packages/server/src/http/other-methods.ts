import type { MiddlewareHandler } from "hono";
import { ProblemError } from "../lib/problem.ts";
import type { AppEnv } from "./app-env.ts";
import { problemResponse } from "./errors.ts";

interface Route {
  readonly method: string;
  /** As the router takes it: `:name` stands for any one segment. */
  readonly path: string;
}

interface Methods {
  /** For paths without parameters, by the path. */
  readonly fixed: ReadonlyMap<string, ReadonlySet<string>>;
  readonly patterns: readonly { readonly pattern: RegExp; readonly methods: ReadonlySet<string> }[];
}

/**
 * Answers 405 with `Allow` if a path is one of ours but does not take the method. A path without parameters takes only its own methods:
 * `/rooms/direct` is not a room with the id `direct`, although the router would take it for one if it finds no other route. @param routes
 * called once, when all of them exist
 */
export function refuseOtherMethods(routes: () => readonly Route[]): MiddlewareHandler<AppEnv> {
  let known: Methods | undefined;
  return async (c, next) => {
    known ??= methodsOf(routes());
    const { method, path } = c.req;
    const own = known.fixed.get(path);
    if (own !== undefined && !own.has(method)) return notAllowed(own);
    await next();
    if (c.res.status !== 404 || own !== undefined) return undefined;
    const allowed = new Set(known.patterns.flatMap(({ pattern, methods }) => (pattern.test(path) ? [...methods] : [])));
    // A request that has a route is answered by it.
    if (allowed.size > 0 && !allowed.has(method)) c.res = notAllowed(allowed);
    return undefined;
  };
}

function notAllowed(methods: ReadonlySet<string>): Response {
  return problemResponse(new ProblemError("method_not_allowed"), { Allow: [...methods].sort().join(", ") });
}

function methodsOf(routes: readonly Route[]): Methods {
  const byPath = new Map<string, Set<string>>();
  for (const { method, path } of routes) {
    // Middleware matches all methods.
    if (method === "ALL") continue;
    const methods = byPath.get(path) ?? new Set();
    byPath.set(path, methods.add(method));
    if (method === "GET") methods.add("HEAD");
  }
  const paths = [...byPath].map(([path, methods]) => ({ path, methods, isFixed: !path.includes(":") }));
  return {
    fixed: new Map(paths.filter(({ isFixed }) => isFixed).map(({ path, methods }) => [path, methods])),
    patterns: paths
      .filter(({ isFixed }) => !isFixed)
      .map(({ path, methods }) => ({ pattern: new RegExp(`^${path.replaceAll(/:[^/]+/g, "[^/]+")}$`), methods })),
  };
}
