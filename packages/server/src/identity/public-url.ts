import { networkInterfaces } from "node:os";
import ipaddr from "ipaddr.js";
import { isLoopbackName } from "../lib/ip-range.ts";

/** What the address depends on. */
export interface UrlSource {
  /** PUBLIC_URL; undefined: taken from the request. */
  readonly publicUrl: string | undefined;
  /** The address the server listens on. */
  readonly host: string;
}

/**
 * The address, without a slash at its end, under which a phone reaches this server: what a QR code begins with.
 * PUBLIC_URL if it is set; else scheme and host of the request, with the machine's address in the local network in
 * place of a loopback name, which would mean the phone itself.
 * @param address scheme and host that the client used, such as `http://localhost:8080`
 */
export function publicUrl(source: UrlSource, address: string): string {
  if (source.publicUrl !== undefined) return source.publicUrl;
  const url = new URL(address);
  if (isLoopbackName(url.hostname) && !isLoopbackName(source.host)) url.hostname = lanAddress() ?? url.hostname;
  return url.origin;
}

/** Bridges of containers and virtual machines: addresses that no phone is in a network with. */
const VIRTUAL = /^(docker|br-|veth|virbr|vmnet|vboxnet|cni|flannel|podman|lxc)/;

/** The first IPv4 address of a network card; private ones, as local networks have, before others. */
export function lanAddress(cards: ReturnType<typeof networkInterfaces> = networkInterfaces()): string | undefined {
  const addresses = Object.entries(cards)
    .filter(([name]) => !VIRTUAL.test(name))
    .flatMap(([, entries]) => entries ?? [])
    .filter((entry) => entry.family === "IPv4" && !entry.internal)
    .map((entry) => entry.address);
  return addresses.find((address) => ipaddr.parse(address).range() === "private") ?? addresses[0];
}
