export interface OriginRules {
  /** Origins as browsers and apps send them, such as `https://chat.example.com` and `capacitor://localhost`. */
  readonly allowedOrigins: readonly string[];
  /** PUBLIC_URL, which may have a path. */
  readonly publicUrl: string | undefined;
}

/**
 * Whether a page of this Origin may talk to us: our own host (as the Host header names it, whatever the scheme, since TLS
 * may end at a proxy; some programs other than browsers make their Origin from the WebSocket's address, `ws://…`), PUBLIC_URL, or one of ALLOWED_ORIGINS. `null`, which sandboxed pages and files send, never is.
 */
export function isOriginAllowed(origin: string, host: string | null | undefined, rules: OriginRules): boolean {
  if (rules.allowedOrigins.includes(origin)) return true;
  if (rules.publicUrl !== undefined && new URL(rules.publicUrl).origin === origin) return true;
  if (!host) return false;
  const given = hostOf(origin);
  return given !== undefined && given === hostOf(`${origin.slice(0, origin.indexOf(":"))}://${host}`);
}

/** Host and port of an origin in canonical form: lower case, default port left out. */
function hostOf(origin: string): string | undefined {
  if (!/^(?:http|ws)s?:\/\//.test(origin)) return undefined;
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
