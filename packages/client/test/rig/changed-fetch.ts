import type { ClientOptions } from "../../src/index.ts";

type Fetch = NonNullable<ClientOptions["fetch"]>;

/** The platform's `fetch`, except that some requests are answered in the server's place: those for which `answer` returns something. */
export function answering(
  answer: (url: string, init: RequestInit, real: () => Promise<Response>) => Response | Promise<Response> | undefined,
): Fetch {
  return async (url, init) => {
    const real = () => fetch(url, init);
    return answer(url, init, real) ?? real();
  };
}

/** What a poll for events asks for; undefined for every other request. */
export function pollOf(url: string, { method, body }: RequestInit): { wait: number; cursor?: string } | undefined {
  return method === "POST" && url.endsWith("/events") ? JSON.parse(String(body)) : undefined;
}
