import { appendFileSync } from "node:fs";
import type { HookArrival } from "./check-hook.ts";
import { answer } from "./child.ts";
import { saidBy } from "./contents.ts";
import { Random } from "./random.ts";

/*
 * The product's backend that a webhook reports to, in a separate process: it refuses now and then, its connections are cut, and it
 * dies. It writes down what came before it answers, in a file that outlives it.
 */

export type HookCall =
  /** The answer is the port. A process that replaces a dead one takes its port; 0 means any port. */
  | {
      readonly ask: "open";
      readonly port: number;
      readonly file: string;
      readonly secret: string;
      readonly seed: number;
    }
  | { readonly ask: "secret"; readonly secret: string }
  /** Ends all connections, and listens again. */
  | { readonly ask: "cut" }
  /** From now on, it refuses nothing. */
  | { readonly ask: "calm" };

const REFUSED = 0.06;
/** The share of answers that redirect to the receiver itself: if one were followed, the request would be counted once more. */
const REDIRECTED = 0.02;

let file = "";
let secret = "";
let random = new Random(0);
let isCalm = false;
let server: Bun.Server<undefined> | undefined;

function listen(port: number): number {
  server = Bun.serve({ hostname: "127.0.0.1", port, fetch: receive });
  return Number(server.port);
}

async function receive(request: Request): Promise<Response> {
  const body = await request.text();
  const draw = random.next();
  const status = isCalm || draw > REFUSED + REDIRECTED ? 204 : draw > REFUSED ? 307 : 500;
  const { stream, seq, type, data } = JSON.parse(body) as { stream: string; seq: number; type: number; data: unknown };
  const isSigned = request.headers.get("webhook-signature") === signatureOf(request.headers, body);
  const arrival: HookArrival = { stream, seq, type, said: saidBy(data), isSigned, isAccepted: status === 204 };
  appendFileSync(file, `${JSON.stringify(arrival)}\n`);
  return new Response(null, { status, headers: status === 307 ? { Location: request.url } : {} });
}

/** The signature, as in Standard Webhooks. */
function signatureOf(headers: Headers, body: string): string {
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const signed = `${headers.get("webhook-id")}.${headers.get("webhook-timestamp")}.${body}`;
  return `v1,${new Bun.CryptoHasher("sha256", key).update(signed).digest("base64")}`;
}

answer<HookCall>(async (call) => {
  switch (call.ask) {
    case "open":
      file = call.file;
      secret = call.secret;
      random = new Random(call.seed);
      return listen(call.port);
    case "secret":
      secret = call.secret;
      return;
    case "cut": {
      const port = Number(server?.port);
      await server?.stop(true);
      return void listen(port);
    }
    case "calm":
      isCalm = true;
  }
});
