import { expect, test } from "bun:test";
import { webPages } from "./pages.ts";

const pages = webPages();

/** As a browser reads them in a document at this path. */
async function filesOf(path: string): Promise<string[]> {
  const html = await (await pages.request(path)).text();
  const named = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map((match) => match[1] ?? "");
  expect(named.filter((name) => !name.startsWith("."))).toEqual([]);
  return named.map((name) => new URL(name, `https://im.example.com${path}`).pathname);
}

test("the document is asked for every time, may only load what this server hands out, and stands in no frame", async () => {
  const response = await pages.request("/");
  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": "text/html;charset=utf-8",
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
  });
  const policy = response.headers.get("Content-Security-Policy") ?? "";
  expect(policy.split("; ")).toContainValues(["default-src 'self'", "frame-ancestors 'none'", "form-action 'none'"]);
  expect(policy).not.toMatch(/unsafe|\*/);
});

test("its files are named from where it stands and by what is in them, so that browsers may keep them for ever", async () => {
  const files = await filesOf("/");
  expect(files.map((file) => file.replace(/[0-9a-f]{16}/, "hash")).sort()).toEqual([
    "/app/hash.css",
    "/app/hash.js",
    "/app/hash.svg",
  ]);
  for (const file of files) {
    const response = await pages.request(file);
    expect(response.status).toBe(200);
    expect(response.headers.get("Cache-Control")).toBe("public, max-age=31536000, immutable");
    expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(0);
  }
});

test("what makes QR codes is a file of its own, named by what is in it, which the script loads", async () => {
  const script = (await filesOf("/")).find((file) => file.endsWith(".js")) ?? "";
  const text = await (await pages.request(script)).text();
  const [name = ""] = /\.\/[0-9a-f]{16}\.js/.exec(text) ?? [];
  const response = await pages.request(new URL(name, `https://im.example.com${script}`).pathname);
  expect([response.status, response.headers.get("Content-Type")]).toEqual([200, "text/javascript;charset=utf-8"]);
  expect(await response.text()).toContain("outlineOf");
  expect(text).not.toContain("qr-code.js");
});

test("a QR code's address shows the same document with the same files", async () => {
  const [one, other] = await Promise.all(
    ["/", "/qr/AiYc7vRgVfNZwl3LV_3NNQ"].map(async (path) => (await pages.request(path)).text()),
  );
  expect(other?.replaceAll('"../app/', '"./app/')).toBe(one as string);
  expect(await filesOf("/qr/AiYc7vRgVfNZwl3LV_3NNQ")).toEqual(await filesOf("/"));
});

test("ID-1: the document says who may make an account, under a tag of its own, and is there where that cannot be known", async () => {
  const said = new Map<string, string>();
  for (const registration of ["first", "open", "closed"] as const) {
    const response = await webPages({ registration: async () => registration }).request("/");
    expect(await response.text()).toContain(`<html lang="en" data-registration="${registration}">`);
    said.set(response.headers.get("ETag") ?? "", registration);
  }
  expect(said.size).toBe(3);
  const failing = webPages({ registration: () => Promise.reject(new Error("locked")) });
  expect(await (await failing.request("/qr/AiYc7vRgVfNZwl3LV_3NNQ")).text()).toContain('data-registration="open"');
});

test("what a browser has already is not sent again", async () => {
  for (const path of ["/", (await filesOf("/"))[0] ?? ""]) {
    const etag = (await pages.request(path)).headers.get("ETag") ?? "";
    const again = await pages.request(path, { headers: { "If-None-Match": `W/"other", ${etag}` } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    expect((await pages.request(path, { headers: { "If-None-Match": '"other"' } })).status).toBe(200);
  }
});

test("a file of an older version, or any other, is not there", async () => {
  for (const path of ["/app/0123456789abcdef.js", "/app/index.html", "/app/..%2fapp.ts"]) {
    expect((await pages.request(path)).status).toBe(404);
  }
});

test("the script brings no schema library along, which would compile code and break the policy", async () => {
  const script = (await filesOf("/")).find((file) => file.endsWith(".js")) ?? "";
  const text = await (await pages.request(script)).text();
  expect(text).not.toMatch(/new Function|\beval\(|safeParse/);
  // The client is 53 KB of it, the store 27, and the rest is the page: 45 KB gzipped in all, once for each version.
  expect(text.length).toBeLessThan(150_000);
});

test("it is the same page from whichever folder the server was started", async () => {
  const script = `const { webPages } = await import(${JSON.stringify(Bun.resolveSync("./pages.ts", import.meta.dir))});
    console.log(await (await webPages().request("/")).text())`;
  const elsewhere = Bun.spawn([process.execPath, "-e", script], { cwd: "/", stdout: "pipe" });
  expect((await new Response(elsewhere.stdout).text()).trim()).toBe((await (await pages.request("/")).text()).trim());
});
