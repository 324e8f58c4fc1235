import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { kindNameSchema } from "@parley/protocol";
import ipaddr from "ipaddr.js";

/** A value that was understood, or what was wanted instead, as the end of "…, wanted". */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly wanted: string };
/** Reads the text of one variable. Never throws; only `file` looks at the disk. */
export type Parser<T> = (text: string) => Parsed<T>;

const good = <T>(value: T): Parsed<T> => ({ ok: true, value });
const bad = (wanted: string): Parsed<never> => ({ ok: false, wanted });

export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER): Parser<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? good(value) : bad(`a whole number ${range}`);
  };
}

export const PROCESSES_MAX = 64;

/** Several processes share a port where the kernel spreads its connections over them, which is on Linux. */
export function processes(platform: NodeJS.Platform): Parser<number> {
  return (text) => {
    const isLinux = platform === "linux";
    if (text.toLowerCase() === "auto") return good(isLinux ? Math.min(availableParallelism(), PROCESSES_MAX) : 1);
    const parsed = wholeNumber(1, PROCESSES_MAX)(text);
    if (!parsed.ok) return bad(`a whole number from 1 to ${PROCESSES_MAX}, or auto`);
    return isLinux || parsed.value === 1 ? parsed : bad("1: several processes can share a port only on Linux");
  };
}

export function seconds(min: number, max: number): Parser<number> {
  const parse = wholeNumber(min, max);
  return (text) => {
    const parsed = parse(text);
    return parsed.ok ? good(parsed.value * 1000) : bad(`whole seconds from ${min} to ${max}`);
  };
}

export const port: Parser<number> = (text) => {
  const parsed = wholeNumber(0, 65_535)(text);
  return parsed.ok ? parsed : bad("a port from 0 to 65535");
};

export const portOrOff: Parser<number | undefined> = (text) => {
  if (text.toLowerCase() === "off") return good(undefined);
  const parsed = port(text);
  return parsed.ok ? parsed : bad("a port from 0 to 65535, or off");
};

export function oneOf<const T extends string>(...choices: T[]): Parser<T> {
  return (text) => {
    const choice = choices.find((one) => one === text.toLowerCase());
    return choice === undefined ? bad(`one of: ${choices.join(", ")}`) : good(choice);
  };
}

export const onOff: Parser<boolean> = (text) => {
  const parsed = oneOf("on", "off")(text);
  return parsed.ok ? good(parsed.value === "on") : bad("on or off");
};

export const host: Parser<string> = (text) => {
  const bare = text.replace(/^\[(.*)\]$/, "$1");
  if (ipaddr.isValid(bare) || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(bare)) return good(bare);
  return bad("an IP address or a host name, without a port");
};

/** Of them `require` verifies the certificate, too. */
const SSL_MODES: ReadonlySet<string> = new Set(["disable", "no-verify", "require", "verify-ca", "verify-full"]);

const POSTGRES = "an address such as postgres://user:password@host:5432/database";
const ESCAPES = "write / ? # @ % of the password as %2F %3F %23 %40 %25";

export const postgresUrl: Parser<string> = (text) => {
  if (!/^postgres(ql)?:/i.test(text)) return bad(POSTGRES);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // The driver takes a text with an incomplete escape as it is.
  const isRead = url && (isEscaped(url.username + url.password) || /%(?![0-9a-f]{2})/i.test(text));
  if (!isRead || isCut(url)) return bad(`${POSTGRES}; ${ESCAPES}`);
  if (url.pathname.length < 2) return bad(`${POSTGRES}; the name of the database is missing`);
  const mode = url.searchParams.get("sslmode");
  return mode === null || SSL_MODES.has(mode) ? good(text) : bad(`sslmode to be one of ${[...SSL_MODES].join(", ")}`);
};

/** What follows the host is the number of a database. */
export const redisUrl: Parser<string> = (text) => {
  const wanted = "an address such as redis://:password@host:6379, or rediss://… with TLS";
  if (!/^rediss?:/i.test(text)) return bad(wanted);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || isCut(url) || !isEscaped(url.username + url.password)) return bad(`${wanted}; ${ESCAPES}`);
  const fits = url.hostname !== "" && /^(\/\d{0,5})?$/.test(url.pathname) && !/[?#]/.test(text);
  return fits ? good(text) : bad(wanted);
};

/** Whether a sign in the password ended what stands before the host, so that the rest of the password would be taken for something else, and shown. */
function isCut({ username, password, pathname, search, hash }: URL): boolean {
  const rest = pathname.length < 2 ? pathname + search + hash : pathname + hash;
  return username === "" && password === "" && rest.includes("@");
}

/** Whether each `%` begins an escape; the driver unescapes. */
function isEscaped(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

export const folder: Parser<string> = (text) => good(text);

export const file: Parser<string> = (text) => {
  try {
    if (statSync(text).isFile()) return good(text);
  } catch {
    // Not there, or in a folder that may not be looked into.
  }
  return bad("a file that exists");
};

/** Printable ASCII without spaces, since it travels in a header; long enough not to be guessed. */
export const secret: Parser<string> = (text) =>
  /^[\x21-\x7e]{16,512}$/.test(text)
    ? good(text)
    : bad("16 to 512 characters without spaces (such as: openssl rand -hex 24)");

const ORIGIN = "an origin such as https://chat.example.com, without a path";

export const origin: Parser<string> = (text) => {
  if (!URL.canParse(text)) return bad(ORIGIN);
  const url = new URL(text);
  const bare = url.pathname === "/" && !/[?#@*]/.test(text);
  return bare && /^https?:$/.test(url.protocol) ? good(url.origin) : bad(ORIGIN);
};

/** Under which people see this server: an origin, and a path where a proxy has this server below one. */
export const publicUrl: Parser<string> = (text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || /[?#@*]/.test(text)) {
    return bad("an address such as https://chat.example.com or https://example.com/chat");
  }
  return good(url.href.replace(/\/+$/, ""));
};

/** Of something on the network that this server asks by itself. */
export const address: Parser<string> = (text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const fits = url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.hash;
  return fits ? good(url.href) : bad("an http or https address, without a name or password in it");
};

/** In the form of Standard Webhooks: 24 to 64 bytes in base64, whether or not `whsec_` stands before them. Always returned with it. */
export const signingSecret: Parser<string> = (text) => {
  const base64 = text.replace(/^whsec_/, "");
  const bytes = /^[A-Za-z0-9+/]+={0,2}$/.test(base64) ? Buffer.from(base64, "base64") : Buffer.alloc(0);
  if (bytes.length >= 24 && bytes.length <= 64) return good(`whsec_${bytes.toString("base64")}`);
  return bad("24 to 64 bytes in base64 (such as: openssl rand -base64 32)");
};

/** Also of an app that has a scheme of its own, such as `capacitor://localhost`; that one is compared as it stands. */
const listedOrigin: Parser<string> = (text) => {
  const web = origin(text);
  if (web.ok) return web;
  const own = /^(?!https?:)([a-z][a-z0-9+.-]*:\/\/[^\s/?#@*,]+)\/?$/i.exec(text)?.[1];
  return own === undefined ? web : good(own);
};

const ORIGINS =
  "origins, separated by commas, each in full, such as https://chat.example.com or capacitor://localhost, without a path and without *";

export const origins: Parser<string[]> = (text) => list(text, listedOrigin, ORIGINS);

export const networks: Parser<string[]> = (text) =>
  list(text, network, "IP addresses or CIDRs such as 10.0.0.0/8, separated by commas");

const kindName: Parser<string> = (text) => (kindNameSchema.safeParse(text).success ? good(text) : bad("a name"));

export const kindNames: Parser<string[]> = (text) =>
  list(text, kindName, "names, separated by commas, each of 1 to 64 of the characters a-z, 0-9, _, . and -");

/** An address or CIDR, always returned as a CIDR. */
const network: Parser<string> = (text) => {
  const wanted = "an IP address or CIDR";
  try {
    if (text.includes("/")) {
      const [address, bits] = ipaddr.parseCIDR(text);
      return good(`${address.toString()}/${bits}`);
    }
    // isValid also takes shortened forms such as "1" or "10.1"; in a list of trusted proxies that is a typing error.
    if (!text.includes(":") && !ipaddr.IPv4.isValidFourPartDecimal(text)) return bad(wanted);
    const address = ipaddr.process(text);
    return good(`${address.toString()}/${address.kind() === "ipv4" ? 32 : 128}`);
  } catch {
    return bad(wanted);
  }
};

function list<T>(text: string, one: Parser<T>, wanted: string): Parsed<T[]> {
  const values: T[] = [];
  for (const part of text.split(",").map((item) => item.trim())) {
    if (part === "") continue;
    const parsed = one(part);
    if (!parsed.ok) return bad(`${wanted} ("${part}" is not)`);
    values.push(parsed.value);
  }
  return good(values);
}
