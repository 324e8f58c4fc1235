import { expect, test } from "bun:test";
import { deviceName } from "./device-name.ts";

const KIT = "AppleWebKit/537.36 (KHTML, like Gecko)";

for (const [userAgent, name] of [
  [`Mozilla/5.0 (X11; Linux x86_64) ${KIT} Chrome/156.0.0.0 Safari/537.36`, "Chrome 156 on Linux"],
  [`Mozilla/5.0 (X11; Linux x86_64) ${KIT} HeadlessChrome/156.0.0.0 Safari/537.36`, "Chrome 156 on Linux"],
  [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${KIT} Chrome/130.0 Safari/537.36 Edg/130.0`, "Edge 130 on Windows"],
  ["Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0) Gecko/20100101 Firefox/131.0", "Firefox 131 on Windows"],
  [`Mozilla/5.0 (Linux; Android 14; Pixel 8) ${KIT} Chrome/130.0 Mobile Safari/537.36`, "Chrome 130 on Android"],
  [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
    "Safari 18 on iPhone",
  ],
  [
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
    "Safari 17 on Mac",
  ],
  [`Mozilla/5.0 (Windows NT 10.0) ${KIT} Chrome/130.0 Safari/537.36 OPR/114.0`, "Opera 114 on Windows"],
  [`Mozilla/5.0 (Linux; Android 14) ${KIT} SamsungBrowser/26.0 Chrome/122.0 Mobile`, "Samsung Internet 26 on Android"],
  [`Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${KIT} Chrome/130.0 Safari/537.36`, "Chrome 130 on ChromeOS"],
  ["Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) CriOS/130.0 Mobile Safari/604.1", "Chrome 130 on iPad"],
  ["Something (Linux)", "Linux"],
  ["Firefox/131.0", "Firefox 131"],
  ["curl/8.5.0", "curl/8.5.0"],
  ["  ", "An unnamed device"],
  ["x".repeat(500), "x".repeat(80)],
] as const) {
  test(`${userAgent.slice(0, 60)} is ${name.slice(0, 30)}`, () => expect(deviceName(userAgent)).toBe(name));
}
