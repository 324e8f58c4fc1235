import { createRoute, z } from "@hono/zod-openapi";
import { countSchema } from "@parley/protocol";
import { requireLogin } from "../http/authenticate.ts";
import { refuseForeignPages } from "../http/foreign-pages.ts";
import { json, newRoutes, noContent, problems, type Routes, signedIn } from "../http/openapi.ts";
import { publicAddress } from "../http/request-url.ts";
import { withoutZero } from "../lib/without-zero.ts";
import { SIZES } from "../limits/sizes.ts";
import type { IdentityContext } from "./identity-context.ts";
import { publicUrl } from "./public-url.ts";
import * as actions from "./qr-actions.ts";
import { ipText, placeText, requesterOf, userAgentText } from "./requester.ts";
import { tokenSchema } from "./tokens.ts";
import { UserReply } from "./users.ts";

/** Longest hang of one poll; proxies cut idle requests at a minute or more. */
const WAIT_MAX_SECONDS = SIZES.pollWait.count;

/** Random bits as text: six in each character. */
const randomText = (bits: number) => z.string().regex(new RegExp(`^[A-Za-z0-9_-]{${Math.ceil(bits / 6)}}$`));

const QrCodeReply = z
  .object({ code: randomText(128), secret: randomText(256), url: z.url(), expiresAt: countSchema })
  .openapi("QrCode", { description: "Show `url` as a QR code, and keep `secret` to ask for its state." });

const QrStateReply = z
  .object({
    state: z.enum(["pending", "scanned", "confirmed", "rejected", "expired"]),
    token: tokenSchema.optional(),
    user: UserReply.optional(),
    expiresAt: countSchema.optional(),
  })
  .openapi("QrState", { description: "`token`, `user` and `expiresAt` of the login come once, when it is confirmed." });

const QrRequesterReply = z
  .object({ ip: ipText, userAgent: userAgentText, place: placeText, requestedAt: countSchema })
  .openapi("QrRequester");

/** Whatever it is, a code that we did not make is not found. */
const params = z.object({ code: z.string().max(SIZES.qrCode.count).transform(withoutZero) });

const waitParam = z
  .string("must be given once")
  .optional()
  .refine((text) => !text || /^\d+(\.\d+)?$/.test(text), "must be a number of seconds from 0")
  .transform((text) => Number(text || 0))
  .openapi({
    param: { name: "wait", in: "query", description: "Seconds; more count as the maximum" },
    type: "number",
    minimum: 0,
    maximum: WAIT_MAX_SECONDS,
    default: 0,
  });

const create = createRoute({
  method: "post",
  path: "/qr-logins",
  tags: ["QR login"],
  summary: "Make a QR code that signs in the device that shows it, once a phone confirms",
  description: "Pages of hosts other than this one and `ALLOWED_ORIGINS` get `origin_forbidden`.",
  middleware: refuseForeignPages,
  responses: { 201: json(QrCodeReply, "The code, which is valid for 60 seconds"), ...problems("origin_forbidden") },
});

const poll = createRoute({
  method: "get",
  path: "/qr-logins/{code}",
  tags: ["QR login"],
  summary: "The code's state, for the device that requested it",
  description: "With `wait` (seconds, at most 60) the answer comes when the state is another than the last answered.",
  request: {
    params,
    headers: z.object({ "x-qr-secret": z.string().max(SIZES.qrCode.count).default("") }),
    query: z.object({ wait: waitParam }),
  },
  responses: { 200: json(QrStateReply, "The state, and, once only, the login"), ...problems("not_found") },
});

const phone = { tags: ["QR login"], security: signedIn, middleware: requireLogin, request: { params } };

const scan = createRoute({
  ...phone,
  method: "post",
  path: "/qr-logins/{code}/scan",
  summary: "Bind the code to this login and see which device asks",
  responses: {
    200: json(QrRequesterReply, "The device that would be signed in"),
    ...problems("not_found", "qr_taken", "qr_state"),
  },
});

const confirm = createRoute({
  ...phone,
  method: "post",
  path: "/qr-logins/{code}/confirm",
  summary: "Sign the requester in",
  responses: { 204: noContent("Confirmed"), ...problems("not_found", "qr_taken", "qr_state") },
});

const reject = createRoute({
  ...phone,
  method: "post",
  path: "/qr-logins/{code}/reject",
  summary: "Reject the requester",
  responses: { 204: noContent("Rejected"), ...problems("not_found", "qr_taken", "qr_state") },
});

/** Signing in by QR code over HTTP: the requester's two routes, the phone's three. */
export function qrRoutes(context: IdentityContext): Routes {
  const routes = newRoutes();

  routes.openapi(create, async (c) => {
    const { scheme, host } = publicAddress(new URL(c.req.url), c.req.raw.headers, c.env.address?.viaTrusted ?? false);
    const baseUrl = await publicUrl(context.urlSource, `${scheme}://${host}`);
    return c.json(await actions.createQrCode(context, { ...requesterOf(c), baseUrl }), 201);
  });

  routes.openapi(poll, async (c) => {
    const { code } = c.req.valid("param");
    const secret = c.req.valid("header")["x-qr-secret"];
    const waitMs = Math.min(c.req.valid("query").wait, WAIT_MAX_SECONDS) * 1000;
    const { state, granted } = await actions.pollQrCode(context, { code, secret, waitMs, signal: c.req.raw.signal });
    if (!granted) return c.json({ state }, 200);
    const { token, user, expiresAt } = granted;
    return c.json({ state, token, user, expiresAt }, 200);
  });

  routes.openapi(scan, async (c) => {
    const requester = await actions.scanQrCode(context, c.get("login"), c.req.valid("param").code);
    return c.json({ ...requester, place: null }, 200);
  });
  routes.openapi(confirm, async (c) => {
    await actions.confirmQrCode(context, c.get("login"), c.req.valid("param").code);
    return c.body(null, 204);
  });
  routes.openapi(reject, async (c) => {
    await actions.rejectQrCode(context, c.get("login"), c.req.valid("param").code);
    return c.body(null, 204);
  });
  return routes;
}
