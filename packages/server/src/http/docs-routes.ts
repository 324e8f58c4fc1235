import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Hono } from "hono";
import { once } from "../lib/once.ts";
import type { AppEnv } from "./app-env.ts";

/** Addresses are relative, since a proxy may have this server below a path. */
const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Parley API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="docs/favicon-32x32.png">
</head>
<body>
<div id="api"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`;

const START = `SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
});
`;

/** The viewer's own files, by name; served from the installed package, so that the page needs no network. */
const FILES: Record<string, string> = {
  "swagger-ui.css": "text/css; charset=utf-8",
  "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
  "favicon-32x32.png": "image/png",
};

/** The viewer needs only its own files and our answers. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** /openapi.json and a page at /docs that shows it, both without any other host. */
export function docsRoutes(document: () => object): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();
  const text = once(() => JSON.stringify(document()));
  const folder = once(() => dirname(fileURLToPath(import.meta.resolve("swagger-ui-dist/package.json"))));

  routes.get("/openapi.json", (c) => c.body(text(), 200, { "Content-Type": "application/json" }));
  routes.get("/docs", (c) => c.html(PAGE, 200, { "Content-Security-Policy": POLICY }));
  routes.get("/docs/start.js", (c) => c.body(START, 200, { "Content-Type": "text/javascript; charset=utf-8" }));
  routes.get("/docs/:file", (c) => {
    const name = c.req.param("file");
    const type = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
    if (type === undefined) return c.notFound();
    const headers = { "Content-Type": type, "Cache-Control": "public, max-age=3600" };
    return new Response(Bun.file(join(folder(), name)), { headers });
  });
  return routes;
}
