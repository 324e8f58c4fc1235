import { HttpLine } from "./http-line.ts";

/** What came of the requests of a run. */
export interface Counted {
  requests: number;
  /** Answers by status. */
  readonly statuses: Map<number, number>;
  /** What was answered with another status than 2xx, and what was cut, in words, the first of them. */
  readonly failures: string[];
  cuts: number;
  /** The client ids of the messages that were answered. */
  readonly sent: string[];
}

const FAILURES_TOLD = 20;
const PAGE = 20;

export interface LoadParts {
  readonly url: string;
  /** One line for each, which asks one thing after another without a pause. */
  readonly tokens: readonly string[];
  readonly roomId: number;
  /** It ends when so many are answered and `isOver` says so. */
  readonly requests: number;
  readonly isOver: () => boolean;
}

/** Half are sends; the others read pages, the account and the counters, and move the read place. */
export async function load(parts: LoadParts, counted: Counted): Promise<void> {
  const { url, tokens, requests, isOver } = parts;
  await Promise.all(
    tokens.map(async (token, index) => {
      const line = new HttpLine(url);
      for (let n = 0; counted.requests < requests || !isOver(); n++) {
        const request = requestOf(parts, n, `${index}-${n}`);
        const answer = await line.ask({ ...request, token });
        count(counted, request, answer);
      }
      line.close();
    }),
  );
}

export function nothingCounted(): Counted {
  return { requests: 0, statuses: new Map(), failures: [], cuts: 0, sent: [] };
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly clientId?: string;
}

function requestOf({ roomId }: LoadParts, n: number, clientId: string): Request {
  const room = `/api/v1/rooms/${roomId}`;
  const step = n % 10;
  if (step === 1 || step === 5) return { method: "GET", path: `${room}/messages?limit=${PAGE}` };
  if (step === 3) return { method: "GET", path: "/api/v1/me" };
  if (step === 7) return { method: "PUT", path: `${room}/read`, body: { seq: n + 1 } };
  if (step === 9) return { method: "GET", path: "/api/v1/unread" };
  const body = { clientId, type: 1, body: { content: `message ${clientId}` } };
  return { method: "POST", path: `${room}/messages`, body, clientId };
}

function count(counted: Counted, request: Request, answer: Awaited<ReturnType<HttpLine["ask"]>>): void {
  const { statuses, failures } = counted;
  counted.requests += 1;
  const tell = (what: string) => {
    if (failures.length < FAILURES_TOLD) failures.push(`${request.method} ${request.path}: ${what}`);
  };
  if ("cut" in answer) {
    counted.cuts += 1;
    tell(answer.cut);
    return;
  }
  statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
  if (answer.status >= 300) tell(`${answer.status} ${answer.body.slice(0, 200)}`);
  else if (request.clientId !== undefined) counted.sent.push(request.clientId);
}
