import { until } from "./webhook-receiver.ts";

/** Resolves when this many polls hang on a server. */
export async function pollsHang(url: string, count: number): Promise<void> {
  const wanted = `parley_connections{transport="poll"} ${count}\n`;
  await until(`${count} polls that hang`, async () => (await (await fetch(`${url}/metrics`)).text()).includes(wanted));
}
