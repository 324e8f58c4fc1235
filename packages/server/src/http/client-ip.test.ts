import { describe, expect, test } from "bun:test";
import { clientAddress, LOOPBACK_PROXIES, parseIp, trustedProxies } from "./client-ip.ts";

const NETS = ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "192.0.2.10/32", "2001:db8:ffff::/48"];
const trusted = trustedProxies(NETS);
const END = { n: "none", c: "client", t: "all-trusted", u: "unreadable" } as const;

/** [what, peer, X-Forwarded-For lines, X-Real-IP lines, wanted client, where the walk ends] */
type Case = [string, string | null, string[], string[], string, keyof typeof END];

const direct: Case[] = [
  ["no headers, IPv4", "203.0.113.5", [], [], "203.0.113.5", "n"],
  ["no headers, mapped", "::ffff:203.0.113.5", [], [], "203.0.113.5", "n"],
  ["no headers, mapped in hex", "::ffff:cb00:7105", [], [], "203.0.113.5", "n"],
  ["no headers, IPv6", "2001:DB8::0:5", [], [], "2001:db8::5", "n"],
  ["no headers, long IPv6", "2001:0db8:0000:0000:0000:0000:0000:0005", [], [], "2001:db8::5", "n"],
  ["no headers, zone", "fe80::1%eth0", [], [], "fe80::1", "n"],
  ["no headers, loopback", "127.0.0.1", [], [], "127.0.0.1", "n"],
  ["no headers, IPv6 loopback", "::1", [], [], "::1", "n"],
  ["peer gone", null, [], [], "unknown", "n"],
  ["peer gone, header", null, ["203.0.113.5"], [], "unknown", "n"],
  ["peer empty", "", ["203.0.113.5"], [], "unknown", "n"],
  ["peer is garbage", "socket", ["203.0.113.5"], [], "unknown", "n"],
];

const untrusted: Case[] = [
  ["forged by a stranger", "203.0.113.5", ["198.51.100.1"], [], "203.0.113.5", "n"],
  ["forged loopback", "203.0.113.5", ["127.0.0.1"], [], "203.0.113.5", "n"],
  ["forged trusted address", "203.0.113.5", ["10.0.0.1"], [], "203.0.113.5", "n"],
  ["forged X-Real-IP", "203.0.113.5", [], ["198.51.100.1"], "203.0.113.5", "n"],
  ["forged both", "203.0.113.5", ["198.51.100.1"], ["198.51.100.2"], "203.0.113.5", "n"],
  ["neighbour of a trusted address", "192.0.2.11", ["198.51.100.1"], [], "192.0.2.11", "n"],
  ["private but not listed", "172.17.0.1", ["198.51.100.1"], [], "172.17.0.1", "n"],
  ["forged over IPv6", "2001:db8::9", ["198.51.100.1"], [], "2001:db8::9", "n"],
  ["just outside the IPv6 network", "2001:db8:fffe::1", ["198.51.100.1"], [], "2001:db8:fffe::1", "n"],
  ["mapped stranger", "::ffff:203.0.113.5", ["198.51.100.1"], [], "203.0.113.5", "n"],
];

const oneProxy: Case[] = [
  ["one proxy", "127.0.0.1", ["203.0.113.5"], [], "203.0.113.5", "c"],
  ["mapped proxy", "::ffff:127.0.0.1", ["203.0.113.5"], [], "203.0.113.5", "c"],
  ["IPv6 loopback proxy", "::1", ["203.0.113.5"], [], "203.0.113.5", "c"],
  ["proxy by network", "10.200.3.4", ["203.0.113.5"], [], "203.0.113.5", "c"],
  ["mapped proxy by network", "::ffff:10.200.3.4", ["203.0.113.5"], [], "203.0.113.5", "c"],
  ["single trusted address", "192.0.2.10", ["203.0.113.5"], [], "203.0.113.5", "c"],
  ["IPv6 proxy by network", "2001:db8:ffff:1::2", ["203.0.113.5"], [], "203.0.113.5", "c"],
  ["IPv6 client", "127.0.0.1", ["2001:DB8:0:0::7"], [], "2001:db8::7", "c"],
  ["RFC 5952: the first longest run of zeros", "127.0.0.1", ["2001:db8:0:0:1:0:0:1"], [], "2001:db8::1:0:0:1", "c"],
  ["mapped client", "127.0.0.1", ["::ffff:203.0.113.5"], [], "203.0.113.5", "c"],
  ["mapped client in hex", "127.0.0.1", ["::FFFF:CB00:7105"], [], "203.0.113.5", "c"],
  ["NAT64 stays IPv6", "127.0.0.1", ["64:ff9b::203.0.113.5"], [], "64:ff9b::cb00:7105", "c"],
  ["IPv4-compatible is not mapped", "127.0.0.1", ["::203.0.113.5"], [], "::cb00:7105", "c"],
  ["IPv4 with port", "127.0.0.1", ["203.0.113.5:61234"], [], "203.0.113.5", "c"],
  ["IPv6 in brackets", "127.0.0.1", ["[2001:db8::7]"], [], "2001:db8::7", "c"],
  ["IPv6 in brackets with port", "127.0.0.1", ["[2001:db8::7]:443"], [], "2001:db8::7", "c"],
  ["mapped in brackets with port", "127.0.0.1", ["[::ffff:203.0.113.5]:443"], [], "203.0.113.5", "c"],
  ["IPv6 with zone", "127.0.0.1", ["fe80::7%eth0"], [], "fe80::7", "c"],
  ["IPv6 with zone in brackets", "127.0.0.1", ["[fe80::7%25en1]:80"], [], "fe80::7", "c"],
  ["spaces and tabs around", "127.0.0.1", [" \t203.0.113.5 \t"], [], "203.0.113.5", "c"],
  ["private client", "127.0.0.1", ["192.168.1.20"], [], "192.168.1.20", "c"],
  ["client on the proxy's machine", "127.0.0.1", ["127.0.0.1"], [], "127.0.0.1", "t"],
];

const chains: Case[] = [
  ["spoofed entry left of the client", "127.0.0.1", ["198.51.100.1, 203.0.113.5"], [], "203.0.113.5", "c"],
  ["spoofed trusted entry left of the client", "127.0.0.1", ["10.0.0.1, 203.0.113.5"], [], "203.0.113.5", "c"],
  ["spoofed garbage left of the client", "127.0.0.1", ["<script>, 203.0.113.5"], [], "203.0.113.5", "c"],
  ["spoofed header line of its own", "127.0.0.1", ["198.51.100.1", "203.0.113.5"], [], "203.0.113.5", "c"],
  ["two proxies", "127.0.0.1", ["203.0.113.5, 10.0.0.2"], [], "203.0.113.5", "c"],
  ["three proxies", "127.0.0.1", ["203.0.113.5, 10.0.0.2, 192.0.2.10"], [], "203.0.113.5", "c"],
  ["proxies of both families", "127.0.0.1", ["2001:db8::7, 2001:db8:ffff::1, 10.0.0.2"], [], "2001:db8::7", "c"],
  ["mapped proxy in the chain", "127.0.0.1", ["203.0.113.5, ::ffff:10.0.0.2"], [], "203.0.113.5", "c"],
  ["proxies with ports", "127.0.0.1", ["203.0.113.5:1, 10.0.0.2:2, [::1]:3"], [], "203.0.113.5", "c"],
  ["one line per proxy", "127.0.0.1", ["203.0.113.5", "10.0.0.2", "10.0.0.3"], [], "203.0.113.5", "c"],
  ["unlisted proxy in the chain is the client", "127.0.0.1", ["203.0.113.5, 172.17.0.9"], [], "172.17.0.9", "c"],
  ["no spaces", "127.0.0.1", ["198.51.100.1,203.0.113.5,10.0.0.2"], [], "203.0.113.5", "c"],
  ["all trusted: the leftmost", "127.0.0.1", ["10.0.0.3, 10.0.0.2"], [], "10.0.0.3", "t"],
  ["all trusted over lines", "127.0.0.1", ["10.0.0.3", "10.0.0.2, ::1"], [], "10.0.0.3", "t"],
  ["the client repeated", "127.0.0.1", ["203.0.113.5, 203.0.113.5"], [], "203.0.113.5", "c"],
  ["41 trusted entries", "127.0.0.1", [`203.0.113.5${", 10.0.0.2".repeat(40)}`], [], "203.0.113.5", "c"],
  [
    "40 header lines",
    "127.0.0.1",
    [...Array(20).fill("198.51.100.1"), "203.0.113.5", ...Array(19).fill("::1")],
    [],
    "203.0.113.5",
    "c",
  ],
];

const empty: Case[] = [
  ["empty entries are skipped", "127.0.0.1", ["203.0.113.5, , ,"], [], "203.0.113.5", "c"],
  ["empty entries before and between", "127.0.0.1", [",, 203.0.113.5,,10.0.0.2,"], [], "203.0.113.5", "c"],
  ["empty line between lines", "127.0.0.1", ["203.0.113.5", "", "10.0.0.2"], [], "203.0.113.5", "c"],
  ["only commas", "127.0.0.1", [", ,,"], [], "127.0.0.1", "n"],
  ["only spaces", "127.0.0.1", ["   "], [], "127.0.0.1", "n"],
  ["empty header", "10.0.0.9", [""], [], "10.0.0.9", "n"],
  ["empty header, X-Real-IP", "10.0.0.9", [""], ["203.0.113.5"], "203.0.113.5", "c"],
];

const garbage: Case[] = [
  ["unknown", "10.0.0.9", ["unknown"], [], "10.0.0.9", "u"],
  ["obfuscated", "10.0.0.9", ["_hidden"], [], "10.0.0.9", "u"],
  ["unknown ends the walk after a proxy", "10.0.0.9", ["203.0.113.5, unknown, 10.0.0.2"], [], "10.0.0.2", "u"],
  ["obfuscated ends the walk at once", "10.0.0.9", ["203.0.113.5, _secret"], [], "10.0.0.9", "u"],
  ["host name", "10.0.0.9", ["client.example"], [], "10.0.0.9", "u"],
  ["octet too large", "10.0.0.9", ["203.0.113.256"], [], "10.0.0.9", "u"],
  ["three parts", "10.0.0.9", ["203.0.113"], [], "10.0.0.9", "u"],
  ["one number", "10.0.0.9", ["3405803781"], [], "10.0.0.9", "u"],
  ["octal", "10.0.0.9", ["010.0.0.1"], [], "10.0.0.9", "u"],
  ["hexadecimal", "10.0.0.9", ["0x7f.0.0.1"], [], "10.0.0.9", "u"],
  ["octal inside a mapped address", "10.0.0.9", ["::ffff:010.0.0.1"], [], "10.0.0.9", "u"],
  ["hexadecimal inside a mapped address", "10.0.0.9", ["::ffff:0x7f.0.0.1"], [], "10.0.0.9", "u"],
  ["CIDR", "10.0.0.9", ["203.0.113.0/24"], [], "10.0.0.9", "u"],
  ["spaces for commas", "10.0.0.9", ["203.0.113.5 10.0.0.2"], [], "10.0.0.9", "u"],
  ["semicolons", "10.0.0.9", ["203.0.113.5; 10.0.0.2"], [], "10.0.0.9", "u"],
  ["quotes", "10.0.0.9", ['"203.0.113.5"'], [], "10.0.0.9", "u"],
  ["RFC 7239 form", "10.0.0.9", ["for=203.0.113.5"], [], "10.0.0.9", "u"],
  ["open bracket", "10.0.0.9", ["[2001:db8::7"], [], "10.0.0.9", "u"],
  ["IPv4 in brackets", "10.0.0.9", ["[203.0.113.5]:80"], [], "10.0.0.9", "u"],
  ["port without number", "10.0.0.9", ["203.0.113.5:"], [], "10.0.0.9", "u"],
  ["two ports", "10.0.0.9", ["203.0.113.5:80:81"], [], "10.0.0.9", "u"],
  ["two double colons", "10.0.0.9", ["2001::db8::7"], [], "10.0.0.9", "u"],
  ["nine groups", "10.0.0.9", ["1:2:3:4:5:6:7:8:9"], [], "10.0.0.9", "u"],
  ["injection", "10.0.0.9", ["203.0.113.5' OR 1=1"], [], "10.0.0.9", "u"],
  ["70 trusted entries are too many", "10.0.0.9", [`203.0.113.5${", 10.0.0.2".repeat(70)}`], [], "10.0.0.2", "u"],
  [
    "the cut of a long header is no address",
    "10.0.0.9",
    [`203.0.113.5,${" ".repeat(4087)}10.0.0.2`],
    [],
    "10.0.0.2",
    "u",
  ],
  ["a long header's right end counts", "10.0.0.9", [`${"1.1.1.1,".repeat(1500)}203.0.113.5`], [], "203.0.113.5", "c"],
];

const realIp: Case[] = [
  ["X-Real-IP alone", "127.0.0.1", [], ["203.0.113.5"], "203.0.113.5", "c"],
  ["X-Real-IP, IPv6 with port", "127.0.0.1", [], ["[2001:db8::7]:9"], "2001:db8::7", "c"],
  ["X-Real-IP, mapped", "127.0.0.1", [], ["::ffff:203.0.113.5"], "203.0.113.5", "c"],
  ["X-Real-IP, garbage", "10.0.0.9", [], ["none"], "10.0.0.9", "u"],
  ["X-Real-IP, trusted", "127.0.0.1", [], ["10.0.0.4"], "10.0.0.4", "t"],
  ["X-Forwarded-For goes first", "127.0.0.1", ["203.0.113.5"], ["198.51.100.1"], "203.0.113.5", "c"],
  ["unreadable X-Forwarded-For still goes first", "10.0.0.9", ["unknown"], ["198.51.100.1"], "10.0.0.9", "u"],
  ["two X-Real-IP lines: the right one", "127.0.0.1", [], ["198.51.100.1", "203.0.113.5"], "203.0.113.5", "c"],
];

const CASES = [...direct, ...untrusted, ...oneProxy, ...chains, ...empty, ...garbage, ...realIp];

function address(peer: string | null, xff: string[], real: string[], list = trusted) {
  const headers = new Headers();
  for (const value of xff) headers.append("X-Forwarded-For", value);
  for (const value of real) headers.append("X-Real-IP", value);
  return clientAddress({ peer, headers, trusted: list });
}

describe("HTTP-13: real client IP", () => {
  test("the table is complete and has no case twice", () => {
    expect(CASES.length).toBe(103);
    expect(new Set(CASES.map((one) => JSON.stringify(one.slice(1, 4)))).size).toBe(CASES.length);
  });

  test.each(CASES)("%s", (_, peer, xff, real, wanted, end) => {
    const found = address(peer, xff, real);
    expect(found.clientIp).toBe(wanted);
    expect(found.end).toBe(END[end]);
    // Whatever a header says, an untrusted peer is the client.
    if (!found.viaTrusted) expect(found.clientIp).toBe(found.peerIp);
  });

  test("peer and header are reported as they are", () => {
    expect(address("::ffff:172.17.0.1", ["a", "b"], [])).toEqual({
      clientIp: "172.17.0.1",
      peerIp: "172.17.0.1",
      forwarded: "a, b",
      viaTrusted: false,
      untrustedForwarder: true,
      end: "none",
    });
    expect(address("127.0.0.1", [], ["203.0.113.5"])).toMatchObject({
      forwarded: "203.0.113.5",
      untrustedForwarder: false,
    });
    expect(address("127.0.0.1", [], [])).toMatchObject({
      forwarded: null,
      viaTrusted: true,
      untrustedForwarder: false,
    });
    expect(address("203.0.113.5", [" , "], [])).toMatchObject({ forwarded: null, untrustedForwarder: false });
  });

  test("a list replaces the default, loopback", () => {
    const standard = trustedProxies(LOOPBACK_PROXIES);
    expect(address("127.9.9.9", ["203.0.113.5"], [], standard).clientIp).toBe("203.0.113.5");
    expect(address("10.0.0.1", ["203.0.113.5"], [], standard).clientIp).toBe("10.0.0.1");
    const own = trustedProxies(["10.0.0.1"]);
    expect(address("10.0.0.1", ["203.0.113.5"], [], own).clientIp).toBe("203.0.113.5");
    expect(address("127.0.0.1", ["203.0.113.5"], [], own).clientIp).toBe("127.0.0.1");
    expect(address("127.0.0.1", ["203.0.113.5"], [], trustedProxies([])).clientIp).toBe("127.0.0.1");
  });

  test("networks of mapped addresses are IPv4 networks, wide ones are taken as they are", () => {
    const mapped = trustedProxies(["::ffff:10.0.0.0/104"]);
    expect(address("10.1.2.3", ["203.0.113.5"], [], mapped).clientIp).toBe("203.0.113.5");
    expect(address("11.1.2.3", ["203.0.113.5"], [], mapped).clientIp).toBe("11.1.2.3");
    const all = trustedProxies(["0.0.0.0/0", "::/0"]);
    expect(address("8.8.8.8", ["198.51.100.1, 203.0.113.5"], [], all).clientIp).toBe("198.51.100.1");
    expect(address("2001:db8::1", ["198.51.100.1"], [], trustedProxies(["0.0.0.0/0"])).clientIp).toBe("2001:db8::1");
  });

  test("a list with garbage throws", () => {
    for (const text of ["", "proxy.example", "10.0.0.0/33", "10.0.0.0/-1", "::/129"]) {
      expect(() => trustedProxies([text]), text).toThrow();
    }
  });

  test("the printed form reads back as itself", () => {
    for (const [, peer, xff] of CASES) {
      for (const text of [peer ?? "", ...xff]) {
        const ip = parseIp(text)?.toString();
        if (ip !== undefined) expect(parseIp(ip)?.toString()).toBe(ip);
      }
    }
  });
});

describe("bounds of what is read of a header", () => {
  const clientOf = (header: string) => {
    const { clientIp, end } = clientAddress({
      peer: "127.0.0.1",
      headers: new Headers({ "x-forwarded-for": header }),
      trusted,
    });
    return [clientIp, end];
  };
  const STRANGER = "203.0.113.5";

  test("64 entries, empty ones not counted", () => {
    const chain = (count: number) => [STRANGER, ...Array(count - 1).fill("10.0.0.1")].join(",");
    expect(clientOf(chain(64))).toEqual([STRANGER, "client"]);
    expect(clientOf(chain(65))).toEqual(["10.0.0.1", "unreadable"]);
    expect(clientOf(`${chain(64)}${",".repeat(70)}`)).toEqual([STRANGER, "client"]);
  });

  test("4 096 characters from the right; what begins before them is not read at all", () => {
    const padded = (length: number) => `${STRANGER},${" ".repeat(length - STRANGER.length - 1 - 8)}10.0.0.1`;
    expect(padded(4096)).toHaveLength(4096);
    expect(clientOf(padded(4096))).toEqual([STRANGER, "client"]);
    expect(clientOf(padded(4097))).toEqual(["10.0.0.1", "unreadable"]);
  });

  test("64 characters in an entry", () => {
    const zone = (length: number) => `fe80::1%${"z".repeat(length - "fe80::1%".length)}`;
    expect(clientOf(zone(64))).toEqual(["fe80::1", "client"]);
    expect(clientOf(zone(65))).toEqual(["127.0.0.1", "unreadable"]);
  });

  test("ports of five digits", () => {
    expect(clientOf("203.0.113.5:65535")).toEqual([STRANGER, "client"]);
    expect(clientOf("203.0.113.5:655350")[1]).toBe("unreadable");
    expect(clientOf("[2001:db8::1]:65535")).toEqual(["2001:db8::1", "client"]);
    expect(clientOf("[2001:db8::1]:655350")[1]).toBe("unreadable");
  });
});

test("a trusted address is one address, a mapped network the IPv4 network that it stands for", () => {
  const trusts = (list: string[], ip: string) => {
    const address = parseIp(ip);
    return address !== undefined && trustedProxies(list)(address);
  };
  for (const [list, inside, outside] of [
    ["192.0.2.1", "192.0.2.1", "192.0.2.0"],
    ["2001:db8::1", "2001:db8::1", "2001:db8::"],
    ["::ffff:192.0.2.1", "192.0.2.1", "192.0.2.0"],
    ["::ffff:192.0.2.0/120", "192.0.2.255", "192.0.3.0"],
    ["::ffff:0.0.0.0/96", "203.0.113.5", "2001:db8::1"],
  ] as const) {
    expect([list, trusts([list], inside), trusts([list], outside)]).toEqual([list, true, false]);
  }
  // A network that has more than the mapped addresses is an IPv6 network.
  expect(trusts(["::ffff:0.0.0.0/95"], "203.0.113.5")).toBe(false);
  expect(parseIp("::ffff:1.2.3.4")?.toString()).toBe("1.2.3.4");
  expect(parseIp("64:ff9b::1.2.3.4")?.toString()).toBe("64:ff9b::102:304");
});
