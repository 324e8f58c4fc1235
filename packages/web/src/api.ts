import type { Message, User } from "@parley/protocol";

/** A refusal of the server, or no answer at all (`status` 0). The message is for people. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  /** The server's stable code; `offline` without an answer. */
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface Granted {
  readonly user: User;
  readonly token: string;
}

export interface Page<T> {
  readonly items: T[];
  readonly nextCursor: string | null;
}

export interface QrRequester {
  readonly ip: string;
  readonly userAgent: string;
  readonly place?: string | null;
  readonly requestedAt: number;
}

type Call = <T>(method: string, path: string, body?: object) => Promise<T>;

/** The routes that this page uses. Every call rejects with ApiError and nothing else. */
export function createApi(token?: string) {
  const call: Call = (method, path, body) => request({ method, path, token, body });
  return {
    register: (who: { name: string; password: string }) => call<Granted>("POST", "/accounts", who),
    signIn: (who: { name: string; password: string }) => call<Granted>("POST", "/logins", who),
    signOut: () => call<void>("DELETE", "/logins/current"),
    users: (uids: readonly number[]) => call<{ items: User[] }>("GET", `/users?ids=${uids.join(",")}`),
    /** Newest page without a cursor; each page ascending. */
    history: (roomId: number, cursor?: string) =>
      call<Page<Message>>(
        "GET",
        `/rooms/${roomId}/messages${cursor === undefined ? "" : `?cursor=${encodeURIComponent(cursor)}`}`,
      ),
    /** Repeating it with the same client id never sends twice. */
    send: (roomId: number, clientId: string, content: string) =>
      call<Message>("POST", `/rooms/${roomId}/messages`, { clientId, type: 1, body: { content } }),
    read: (roomId: number, seq: number) => call<unknown>("PUT", `/rooms/${roomId}/read`, { seq }),
    recall: (messageId: number) => call<unknown>("DELETE", `/messages/${messageId}`),
    scanQr: (code: string) => call<QrRequester>("POST", `/qr-logins/${encodeURIComponent(code)}/scan`),
    confirmQr: (code: string) => call<unknown>("POST", `/qr-logins/${encodeURIComponent(code)}/confirm`),
    rejectQr: (code: string) => call<unknown>("POST", `/qr-logins/${encodeURIComponent(code)}/reject`),
  };
}

export type Api = ReturnType<typeof createApi>;

const TIMEOUT_MS = 15_000;

interface Ask {
  readonly method: string;
  readonly path: string;
  readonly token: string | undefined;
  readonly body: object | undefined;
}

async function request<T>(ask: Ask): Promise<T> {
  const headers = new Headers();
  if (ask.token !== undefined) headers.set("Authorization", `Bearer ${ask.token}`);
  if (ask.body) headers.set("Content-Type", "application/json");
  let response: Response;
  let text: string;
  try {
    response = await fetch(`/api/v1${ask.path}`, {
      method: ask.method,
      headers,
      body: ask.body ? JSON.stringify(ask.body) : null,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    text = await response.text();
  } catch {
    throw new ApiError(0, "offline", "The server cannot be reached.");
  }
  const value = parsed(text);
  if (response.ok) return value as T;
  throw refusal(response.status, value);
}

function parsed(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a problem document says, in words for the person in front of the page. */
export function refusal(status: number, problem: unknown): ApiError {
  const { code, title, detail, errors } = (problem ?? {}) as {
    code?: string;
    title?: string;
    detail?: string;
    errors?: { path: string; message: string }[];
  };
  const fields = errors?.filter(({ path }) => path !== "").map(({ path, message }) => sentence(`${path} ${message}`));
  const said = detail ?? title ?? `The server answered with status ${status}`;
  return new ApiError(status, code ?? "unknown", fields?.length ? fields.join(" ") : sentence(said));
}

function sentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}

/** What to show for whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof ApiError ? error.message : "Something went wrong on this page. Reload it and try again.";
}
