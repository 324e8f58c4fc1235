// The pages of this folder, from their own origin, as a product would serve them: node examples/serve.mjs
// It is also the product's backend of red-dots.html: it knows who is signed in to the product, and hands their page a token of Parley.
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

const { PARLEY_URL = "http://localhost:8080", PORT = "8000" } = process.env;

/** So many customers are remembered; one who was forgotten begins anew. */
const MOST_CUSTOMERS = 1000;
/**
 * The token of each customer, by the session that their browser is known by: here every browser is somebody else. A real product has people who
 * sign in, and keeps an account of Parley, or its token, beside each of them.
 */
const tokens = new Map();

function tokenOf(session) {
  const token = tokens.get(session) ?? tokenOfCustomer();
  tokens.set(session, token);
  token.catch(() => tokens.delete(session));
  if (tokens.size > MOST_CUSTOMERS) tokens.delete(tokens.keys().next().value);
  return token;
}

const sessionIn = (cookies = "") => /(?:^|; )customer=([\w-]{22})(?:;|$)/.exec(cookies)?.[1];

async function tokenOfCustomer() {
  const name = `customer-${randomBytes(4).toString("hex")}`;
  const response = await fetch(`${PARLEY_URL}/api/v1/accounts`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name, password: randomBytes(24).toString("base64url") }),
  });
  if (!response.ok) throw new Error(`Parley answers ${response.status}`);
  return (await response.json()).token;
}

const server = createServer(async ({ method, url, headers }, response) => {
  const session = sessionIn(headers.cookie);
  try {
    if (method === "POST" && url === "/parley-token") {
      if (!session) return response.writeHead(401).end("Open a page first");
      const token = await tokenOf(session);
      return response.writeHead(200, { "Content-Type": "text/plain", "Cache-Control": "no-store" }).end(token);
    }
    if (url === "/favicon.ico") return response.writeHead(204).end();
    if (url !== "/page.html" && url !== "/red-dots.html") return response.writeHead(404).end("Not found");
    const page = await readFile(new URL(`.${url}`, import.meta.url), "utf8");
    const html = page.replaceAll("http://localhost:8080", PARLEY_URL);
    if (!session) {
      const customer = randomBytes(16).toString("base64url");
      response.setHeader("Set-Cookie", `customer=${customer}; HttpOnly; SameSite=Strict; Path=/`);
    }
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" }).end(html);
  } catch (error) {
    console.error(error.message);
    response.writeHead(502).end("Parley does not answer");
  }
});
server.on("error", ({ message }) => console.error(message));
server.listen(Number(PORT), "localhost", () => {
  const origin = `http://localhost:${server.address().port}`;
  console.log(`${origin}/page.html and ${origin}/red-dots.html, with Parley at ${PARLEY_URL}`);
});
