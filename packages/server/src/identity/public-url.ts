import { isLoopbackName } from "../lib/ip-range.ts";
import { lanAddress } from "./lan-address.ts";

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
export async function publicUrl(source: UrlSource, address: string): Promise<string> {
  if (source.publicUrl !== undefined) return source.publicUrl;
  const url = new URL(address);
  if (isLoopbackName(url.hostname) && !isLoopbackName(source.host)) {
    url.hostname = (await lanAddress()) ?? url.hostname;
  }
  return url.origin;
}
