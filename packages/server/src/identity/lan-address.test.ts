import { expect, test } from "bun:test";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { lanAddress, lanAddressAmong } from "./lan-address.ts";

type Card = [name: string, address: string, more?: Partial<NetworkInterfaceInfo>];

function cardsOf(cards: readonly Card[]) {
  const real = { family: "IPv4", internal: false, netmask: "255.255.255.0", mac: "3c:22:fb:00:00:01", cidr: null };
  return Object.fromEntries(
    cards.map(([name, address, more]) => [name, [{ ...real, address, ...more } as NetworkInterfaceInfo]]),
  );
}

const LO: Card = ["lo", "127.0.0.1", { internal: true }];
const tunnel = { mac: "00:00:00:00:00:00", netmask: "255.255.255.255" };

/** Cards in the order in which the system lists them, the address of the default route, and the one that a phone beside the machine reaches. */
test.each<[what: string, cards: Card[], outward: string | undefined, expected: string | undefined]>([
  ["a laptop", [LO, ["wlan0", "192.168.1.20"]], "192.168.1.20", "192.168.1.20"],
  [
    "a cable beside Wi-Fi",
    [
      ["wlan0", "192.168.1.20"],
      ["eth0", "10.1.1.5"],
    ],
    "10.1.1.5",
    "10.1.1.5",
  ],
  [
    "a public address beside a private one",
    [
      ["eth0", "203.0.113.9"],
      ["eth1", "10.0.0.2"],
    ],
    "203.0.113.9",
    "203.0.113.9",
  ],
  [
    "a network of its own, without a way out",
    [
      ["eth0", "203.0.113.9"],
      ["wlan0", "192.168.1.20"],
    ],
    undefined,
    "192.168.1.20",
  ],
  [
    "OpenVPN that takes everything",
    [
      ["tun0", "10.8.0.6"],
      ["wlan0", "192.168.1.20"],
    ],
    "10.8.0.6",
    "192.168.1.20",
  ],
  [
    "OpenVPN on a second device",
    [
      ["tun1", "10.8.0.6"],
      ["eth0", "172.20.1.7"],
    ],
    "10.8.0.6",
    "172.20.1.7",
  ],
  [
    "a VPN's bridge",
    [
      ["tap0", "10.8.0.6"],
      ["tap1", "10.9.0.6"],
      ["eth0", "192.168.1.20"],
    ],
    "10.9.0.6",
    "192.168.1.20",
  ],
  [
    "macOS with a VPN",
    [
      ["utun3", "10.8.0.6"],
      ["en0", "192.168.1.20"],
    ],
    "10.8.0.6",
    "192.168.1.20",
  ],
  [
    "macOS with two VPNs",
    [
      ["utun4", "100.101.1.2"],
      ["utun8", "10.8.0.6"],
      ["en7", "10.1.2.3"],
    ],
    "100.101.1.2",
    "10.1.2.3",
  ],
  [
    "WireGuard",
    [
      ["wg0", "10.66.0.2"],
      ["wlp2s0", "192.168.1.20"],
    ],
    "10.66.0.2",
    "192.168.1.20",
  ],
  [
    "WireGuard by its other name",
    [
      ["wg-office", "10.66.0.2"],
      ["eth0", "10.0.0.9"],
    ],
    "10.0.0.9",
    "10.0.0.9",
  ],
  [
    "a VPN with a name of its owner's",
    [
      ["office", "10.66.0.2", tunnel],
      ["eth0", "10.0.0.9"],
    ],
    "10.66.0.2",
    "10.0.0.9",
  ],
  [
    "a VPN on Windows, with a name of its owner's",
    [
      ["Office", "10.66.0.2", { netmask: "255.255.255.255" }],
      ["Wi-Fi", "192.168.1.20"],
    ],
    "10.66.0.2",
    "192.168.1.20",
  ],
  [
    "Tailscale",
    [
      ["tailscale0", "100.101.1.2", tunnel],
      ["eth0", "203.0.113.9"],
    ],
    "203.0.113.9",
    "203.0.113.9",
  ],
  [
    "Hyper-V's switch for WSL",
    [
      ["vEthernet (WSL)", "172.28.0.1"],
      ["Wi-Fi", "192.168.1.20"],
    ],
    "192.168.1.20",
    "192.168.1.20",
  ],
  [
    "Hyper-V, without a way out",
    [
      ["vEthernet (Default Switch)", "172.17.1.1"],
      ["Ethernet", "10.0.0.9"],
    ],
    undefined,
    "10.0.0.9",
  ],
  [
    "Hyper-V's switch that is the way out",
    [
      ["vEthernet (External)", "10.0.0.9"],
      ["Ethernet 2", "169.254.8.1"],
    ],
    "10.0.0.9",
    "10.0.0.9",
  ],
  [
    "VirtualBox on Linux",
    [
      ["vboxnet0", "192.168.56.1"],
      ["wlan0", "192.168.1.20"],
    ],
    undefined,
    "192.168.1.20",
  ],
  [
    "VirtualBox on Windows",
    [
      ["VirtualBox Host-Only Network", "192.168.56.1"],
      ["Wi-Fi", "10.3.3.3"],
    ],
    undefined,
    "10.3.3.3",
  ],
  [
    "VMware on Linux",
    [
      ["vmnet1", "172.16.9.1"],
      ["vmnet8", "192.168.99.1"],
      ["ens33", "10.0.0.9"],
    ],
    undefined,
    "10.0.0.9",
  ],
  [
    "VMware on Windows",
    [
      ["VMware Network Adapter VMnet8", "192.168.99.1"],
      ["Ethernet", "10.0.0.9"],
    ],
    undefined,
    "10.0.0.9",
  ],
  [
    "LXD",
    [
      ["lxdbr0", "10.150.1.1"],
      ["eth0", "192.168.1.20"],
    ],
    undefined,
    "192.168.1.20",
  ],
  [
    "LXD on a second bridge, with a public address",
    [
      ["lxdbr1", "10.151.1.1"],
      ["eth0", "203.0.113.9"],
    ],
    undefined,
    "203.0.113.9",
  ],
  [
    "containers",
    [
      ["docker0", "172.17.0.1"],
      ["br-5f2a", "172.18.0.1"],
      ["eth0", "203.0.113.9"],
    ],
    undefined,
    "203.0.113.9",
  ],
  [
    "a server's own bridge",
    [
      ["vmbr0", "10.0.0.9"],
      ["docker0", "172.17.0.1"],
    ],
    "10.0.0.9",
    "10.0.0.9",
  ],
  [
    "a card that found no network",
    [
      ["eth0", "169.254.7.7"],
      ["wlan0", "203.0.113.9"],
    ],
    undefined,
    "203.0.113.9",
  ],
  [
    "a card that found no network beside containers",
    [
      ["docker0", "172.17.0.1"],
      ["eth0", "169.254.7.7"],
    ],
    undefined,
    "169.254.7.7",
  ],
  [
    "nothing but containers and a VPN",
    [
      ["wg0", "10.66.0.2"],
      ["docker0", "172.17.0.1"],
    ],
    "10.66.0.2",
    "172.17.0.1",
  ],
  ["nothing but a VPN", [LO, ["tun0", "10.8.0.6", tunnel]], "10.8.0.6", "10.8.0.6"],
  ["no network", [LO], undefined, undefined],
])("ID-36: with %s a QR code names the network that a phone is in", (_, cards, outward, expected) => {
  expect(lanAddressAmong(cardsOf(cards), outward)).toBe(expected);
});

test("ID-36: addresses of IPv6 and those that no card has are not taken", () => {
  const cards = cardsOf([
    ["eth0", "fe80::1", { family: "IPv6" }],
    ["eth1", "192.168.1.20"],
  ]);
  expect(lanAddressAmong(cards, "198.51.100.77")).toBe("192.168.1.20");
});

test("ID-36: this machine's own address is one of its cards', or none", async () => {
  const own = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  const addresses = own.filter(({ internal, family }) => !internal && family === "IPv4").map(({ address }) => address);
  const found = await lanAddress();
  expect(addresses.length === 0 ? [undefined] : addresses).toContain(found as string);
});
