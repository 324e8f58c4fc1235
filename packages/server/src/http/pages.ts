import { basename, extname } from "node:path";
import { fileURLToPath } from "node:url";
import { type Context, Hono } from "hono";
import type { AppEnv } from "./app-env.ts";

interface PageFile {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly etag: string;
}

interface WebPage {
  /** At `/`, and at `/qr/<code>`, which differ in how they name the files. */
  readonly index: PageFile;
  readonly qr: PageFile;
  /** By name: hash and extension. */
  readonly files: ReadonlyMap<string, PageFile>;
}

/** Where the document's files are. The document names them from where it stands, since a proxy may have this server below a path. */
const FOLDER = "/app/";

/** Only what this server hands out, no frames around it, no forms that a browser sends by itself. */
const POLICY = [
  "default-src 'self'",
  "connect-src 'self' ws: wss:",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** What the page offers to people without an account: `first` where nobody has ever had one, `closed` where they cannot make one. */
export type Registration = "first" | "open" | "closed";

/** As the document is written. */
const OPEN = 'data-registration="open"';

interface PagesParts {
  /** Asked for each document. Where it cannot be known at the moment the page is that of `open`. */
  readonly registration?: () => Promise<Registration>;
}

/**
 * The page for people: `/` and `/qr/<code>` are the same document, whose script looks at the address. It is put together
 * from the web package's sources at the first request (about 0.1 s) and kept; a failure is tried again at the next one. Names of
 * the other files change with what is in them, so browsers keep them for ever, and the document is asked for every time.
 */
export function webPages({ registration = async () => "open" }: PagesParts = {}): Hono<AppEnv> {
  const pages = new Hono<AppEnv>();
  let built: Promise<WebPage> | undefined;
  const webPage = () => {
    built ??= buildPage().catch((error) => {
      built = undefined;
      throw error;
    });
    return built;
  };

  const document = (name: "index" | "qr") => async (c: Context<AppEnv>) =>
    answer(c, saying((await webPage())[name], await registration().catch(() => "open")), {
      "Cache-Control": "no-cache",
      "Content-Security-Policy": POLICY,
      "Referrer-Policy": "no-referrer",
    });
  pages.get("/", document("index"));
  pages.get("/qr/:code", document("qr"));
  pages.get("/app/:file", async (c) => {
    const file = (await webPage()).files.get(c.req.param("file"));
    return file ? answer(c, file, { "Cache-Control": "public, max-age=31536000, immutable" }) : c.notFound();
  });
  return pages;
}

/** The page need not ask before it shows the way in. */
function saying(document: PageFile, registration: Registration): PageFile {
  if (registration === "open") return document;
  const html = new TextDecoder().decode(document.body).replace(OPEN, `data-registration="${registration}"`);
  const body = new TextEncoder().encode(html);
  return { ...document, body, etag: `"${hashOf(body)}"` };
}

function answer(c: Context<AppEnv>, { body, type, etag }: PageFile, headers: Record<string, string>): Response {
  const same = c.req.header("If-None-Match")?.includes(etag) ?? false;
  return new Response(same ? null : body, {
    status: same ? 304 : 200,
    headers: { ...headers, ETag: etag, ...(same ? {} : { "Content-Type": type }) },
  });
}

/** What makes QR codes stands in a file of its own, since few need it. The script asks for it by this name. */
const QR_CODE = "./qr-code.js";

async function buildQrCode(): Promise<Uint8Array<ArrayBuffer>> {
  const entry = fileURLToPath(import.meta.resolve("@parley/web/qr-code.ts"));
  const { outputs } = await Bun.build({ entrypoints: [entry], target: "browser", minify: true });
  return new Uint8Array(await (outputs[0] as Blob).arrayBuffer());
}

async function buildPage(): Promise<WebPage> {
  const qrCode = await buildQrCode();
  const qrCodeName = `${hashOf(qrCode)}.js`;
  const { outputs } = await Bun.build({
    entrypoints: [fileURLToPath(import.meta.resolve("@parley/web/index.html"))],
    target: "browser",
    minify: true,
    publicPath: FOLDER,
  });
  const document = outputs.find((output) => extname(output.path) === ".html");
  if (!document) throw new Error("the web package has no document");
  let html = await document.text();
  const files = new Map<string, PageFile>();
  files.set(qrCodeName, { body: qrCode, type: "text/javascript;charset=utf-8", etag: `"${hashOf(qrCode)}"` });
  for (const output of outputs) {
    if (output === document) continue;
    const isScript = output.kind === "entry-point" && extname(output.path) === ".js";
    const body = isScript
      ? new TextEncoder().encode((await output.text()).replace(QR_CODE, `./${qrCodeName}`))
      : new Uint8Array(await output.arrayBuffer());
    const hash = hashOf(body);
    // The builder's own names also depend on the folder that the process was started in; several nodes must agree.
    const name = hash + extname(output.path);
    html = html.replaceAll(FOLDER + basename(output.path), FOLDER + name);
    files.set(name, { body, type: output.type, etag: `"${hash}"` });
  }
  const from = (prefix: string): PageFile => {
    const body = new TextEncoder().encode(html.replaceAll(`"${FOLDER}`, `"${prefix}app/`));
    return { body, type: document.type, etag: `"${hashOf(body)}"` };
  };
  return { index: from("./"), qr: from("../"), files };
}

function hashOf(body: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(body).digest("hex").slice(0, 16);
}
