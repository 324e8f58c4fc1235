import type { Finding } from "./finding.ts";

const ANSWER_MS = 10_000;
const HEADER = "Access-Control-Allow-Origin";

/** Whether the headers that let pages read replies come once, as browsers want them. Never rejects. */
export async function checkCors(url: URL): Promise<Finding> {
  const headers = { Origin: url.origin };
  const preflight = { method: "OPTIONS", headers: { ...headers, "Access-Control-Request-Method": "GET" } };
  try {
    for (const asked of [{ headers }, preflight]) {
      const signal = AbortSignal.timeout(ANSWER_MS);
      const reply = await fetch(new URL("/api/v1/doctor", url), { ...asked, redirect: "manual", signal });
      await reply.body?.cancel();
      const given = reply.headers.get(HEADER);
      if (given === null) return { level: "info", text: `${WITHOUT} has no ${HEADER}` };
      if (given.includes(",")) return { level: "fail", text: `${HEADER} comes twice (${given}), so ${DOUBLED}` };
    }
    return { level: "ok", text: "the CORS headers come once" };
  } catch (error) {
    return {
      level: "fail",
      text: `the CORS headers could not be checked: ${error instanceof Error ? error.message : error}`,
    };
  }
}

const DOUBLED =
  "browsers hide the reply from pages of other hosts: a proxy adds it although the server does. Remove it from the proxy, or set CORS=proxy";
const WITHOUT =
  "pages of other hosts cannot read replies, which may be intended: with CORS=proxy a proxy has to add the headers, but the reply";
