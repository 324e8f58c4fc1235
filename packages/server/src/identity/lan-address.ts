import { networkInterfaces } from "node:os";
import ipaddr from "ipaddr.js";

type Cards = ReturnType<typeof networkInterfaces>;
type Entry = NonNullable<Cards[string]>[number];

/** Cards of VPNs, by the names that systems and programs give them. */
const VPN =
  /^(tun|tap|utun|wg|ppp|ipsec|gif|stf|zt|feth|ts\d|tailscale|nordlynx|nordtun|proton|mullvad|cscotun|gpd\d|cloudflarewarp|hamachi|zerotier|wireguard|openvpn|anyconnect)|tap-windows|wintun|vpn/i;

/** Cards of containers and virtual machines, by theirs. */
const VIRTUAL =
  /^(docker|br-|veth|virbr|vmnet|vmenet|vboxnet|cni|cali|flannel|podman|lxc|lxdbr|incusbr|kube|bridge\d|dummy|vethernet|virtualbox|vmware|hyper-v)|virtualbox|vmware/i;

/**
 * This machine's IPv4 address in the network that a phone beside it is in: that of the default route, unless a VPN has that; else a private one of a real
 * card; last one of a virtual card or a VPN. Undefined where there is none.
 * @param outward the address from which this machine reaches the world; undefined: none
 */
export function lanAddressAmong(cards: Cards, outward: string | undefined): string | undefined {
  const found = Object.entries(cards).flatMap(([name, entries]) =>
    (entries ?? [])
      .filter(({ family, internal }) => family === "IPv4" && !internal)
      .map((entry) => ({ address: entry.address, rank: rankOf(name, entry, outward) })),
  );
  // The sort is stable: of equal ones the first card.
  return found.toSorted((a, b) => a.rank - b.rank)[0]?.address;
}

function rankOf(name: string, entry: Entry, outward: string | undefined): number {
  if (isVpn(name, entry)) return 5;
  // A bridge to the real network may bear a virtual card's name, as those of Hyper-V do; then it has the default route.
  if (entry.address === outward) return 0;
  if (VIRTUAL.test(name)) return 4;
  const range = ipaddr.parse(entry.address).range();
  if (range === "private") return 1;
  // A card that found no network gives itself such an address.
  return range === "linkLocal" ? 3 : 2;
}

/** Names of VPNs may be chosen freely; then what tells them is that they lead to one other end: no address of a card, a network of one. */
function isVpn(name: string, { mac, netmask }: Entry): boolean {
  return VPN.test(name) || mac === "00:00:00:00:00:00" || netmask === "255.255.255.255";
}

/** For documents, so nobody has it; connecting a datagram socket sends nothing. */
const SOMEWHERE = { hostname: "198.51.100.1", port: 9 };

async function outwardAddress(): Promise<string | undefined> {
  try {
    const socket = await Bun.udpSocket({ connect: SOMEWHERE });
    const { address } = socket.address;
    socket.close();
    return address;
  } catch {
    return undefined;
  }
}

/** As it is now: laptops change their networks. */
export async function lanAddress(): Promise<string | undefined> {
  return lanAddressAmong(networkInterfaces(), await outwardAddress());
}
