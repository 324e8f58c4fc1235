import type { AdminRoutes } from "./admin-routes.ts";
import type { PeopleRoutes } from "./api-routes.ts";

/** Each route below /api/v1 that people and administrators ask for. */
export type Routes = PeopleRoutes & AdminRoutes;

/** `<method> <path below /api/v1>`, as in the server's document. */
export type Route = keyof Routes;

/** The arguments of a route, and how to cancel the request. */
export type Args<R extends Route> = Routes[R]["args"] & { readonly signal?: AbortSignal };

/** What it answers. */
export type Reply<R extends Route> = Routes[R]["reply"];

/** The arguments may be left out for routes that take none. */
export type ArgsOf<R extends Route> = object extends Routes[R]["args"] ? [args?: Args<R>] : [args: Args<R>];

/** A message to be stored. */
export type SendRequest = Routes["POST /rooms/{id}/messages"]["args"]["body"];

/** These need no login: no token is sent, and none is required. */
export const PUBLIC_ROUTES: ReadonlySet<string> = new Set<Route>([
  "POST /accounts",
  "POST /logins",
  "POST /qr-logins",
  "GET /qr-logins/{code}",
]);

/** The path of a route, with its parameters in place. */
export function pathOf(template: string, params: Readonly<Record<string, unknown>> = {}): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
}
