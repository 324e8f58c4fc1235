import type { Granted } from "@parley/client";
import type { PushData } from "@parley/protocol";

/** The result of signing in, in whatever way. */
export type SignedIn = Pick<Granted, "token" | "user">;

/** The person who is signed in on this page, as the server last said. */
export type StoredLogin = Pick<PushData[3], "token" | "uid" | "name" | "power">;

const KEY = "parley.login";
/** Used if the browser stores nothing for this page. */
let unstored: StoredLogin | undefined;

export function readLogin(): StoredLogin | undefined {
  try {
    const text = localStorage.getItem(KEY);
    const login = text === null ? undefined : (JSON.parse(text) as StoredLogin);
    return typeof login?.token === "string" ? login : unstored;
  } catch {
    return unstored;
  }
}

export function saveLogin({ token, uid, name, power }: StoredLogin): void {
  const login: StoredLogin = { token, uid, name, power };
  try {
    localStorage.setItem(KEY, JSON.stringify(login));
    // Only the stored login counts: another window may remove it.
    unstored = undefined;
  } catch {
    // Kept for as long as the page lives.
    unstored = login;
  }
}

export function forgetLogin(): void {
  unstored = undefined;
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Nothing was stored either.
  }
}

/** Calls `changed` when another window of this browser signs in or out. */
export function onLoginElsewhere(changed: () => void): void {
  window.addEventListener("storage", (event) => {
    if (event.key === KEY || event.key === null) changed();
  });
}

/** Undefined if the browser stores nothing for this page. */
export function storageArea(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}
