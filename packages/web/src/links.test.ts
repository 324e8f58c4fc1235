import { expect, test } from "bun:test";
import { piecesOf } from "./links.ts";

/** The text with its links in brackets. */
const shown = (text: string) =>
  piecesOf(text)
    .map((piece) => (piece.href === undefined ? piece.text : `[${piece.text}]`))
    .join("");

test.each([
  ["nothing to see", "nothing to see"],
  ["", ""],
  ["https://example.com", "[https://example.com]"],
  ["see http://example.com/a?b=c#d and go", "see [http://example.com/a?b=c#d] and go"],
  ["HTTPS://Example.com/A", "[HTTPS://Example.com/A]"],
  ["http://192.168.1.5:8080/x, http://[::1]:80/", "[http://192.168.1.5:8080/x], [http://[::1]:80/]"],
  ["two\nhttps://a.example\nhttps://b.example/", "two\n[https://a.example]\n[https://b.example/]"],
  // Punctuation at the end is not part of it, within it is.
  ["Go to https://example.com.", "Go to [https://example.com]."],
  ["https://example.com/a.b,c;d!e?!...", "[https://example.com/a.b,c;d!e]?!..."],
  ["'https://example.com/'", "'[https://example.com/]'"],
  ['"https://example.com/"', '"[https://example.com/]"'],
  ["<https://example.com/>", "<[https://example.com/]>"],
  ["**https://example.com/**", "**[https://example.com/]**"],
  ["(https://example.com/)", "([https://example.com/])"],
  ["(see https://example.com/a_(b).)", "(see [https://example.com/a_(b)].)"],
  ["[https://example.com/a]", "[[https://example.com/a]]"],
  ["https://example.com/a))", "[https://example.com/a]))"],
  // Other scripts.
  ["请看https://example.com/a。谢谢", "请看[https://example.com/a]。谢谢"],
  ["（https://example.com/路径）", "（[https://example.com/路径]）"],
  ["„https://example.com/“", "„[https://example.com/]“"],
  ["https://münchen.example/straße", "[https://münchen.example/straße]"],
  // What is not a link.
  ["javascript:alert(1) data:text/html,x ftp://a.example file:///etc/passwd mailto:a@b.example", undefined],
  ["https:// http://... https://? xhttps://example.com www.example.com", undefined],
  ["https://bank.example@evil.example/ and https://a:b@evil.example", undefined],
  ["https://exa mple", "[https://exa] mple"],
  ["https://a.example/\u202egpj.exe", "[https://a.example/]\u202egpj.exe"],
  ["https://a.example\u200b.evil.example", "[https://a.example]\u200b.evil.example"],
  ["https://a.example/<img src=x onerror=alert(1)>", "[https://a.example/]<img src=x onerror=alert(1)>"],
] as [string, string | undefined][])("the links in %j", (text, wanted) => {
  expect(shown(text)).toBe(wanted ?? text);
  expect(
    piecesOf(text)
      .map((piece) => piece.text)
      .join(""),
  ).toBe(text);
});

test("an address leads where a browser reads it, with the host as it is asked for", () => {
  expect(piecesOf("https://exämple.example/a b")[0]?.href).toBe("https://xn--exmple-cua.example/a");
});

test("hostile texts take time in proportion to their length", () => {
  const texts = ["https://a", "https://a.example/)", "http://", "https://a.example/([{", "!"];
  for (const part of texts) {
    const text = `https://a.example/${part.repeat(100_000)}`;
    const times = [1, 2, 3].map(() => {
      const begun = performance.now();
      piecesOf(text);
      return performance.now() - begun;
    });
    // A machine may stand still in one of them. In proportion to the square it would be more than a minute.
    expect(Math.min(...times)).toBeLessThan(2_000);
  }
});
