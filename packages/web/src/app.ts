/*
 * The page at /: sign in or show a QR code, then the rooms; at /qr/<code> the page that confirms a code. Plain DOM, no
 * framework: one view fills the page at a time (`view.ts`). To the server it talks as any product does, by `@parley/client`:
 *
 * - A client for each login, which the view of the rooms starts; one that is nobody's and never started, for signing in.
 * - The token is kept in the browser's storage (`stored-login.ts`) and never stands in an address.
 * - Nothing that a person wrote is read as HTML (`dom.ts`).
 *
 * Must not import the server; of the protocol only constants and types.
 */
import { type Client, createClient, type StopWhy } from "@parley/client";
import { BASE } from "./base.ts";
import { chatView } from "./chat-view.ts";
import { qrPage } from "./qr-page.ts";
import { startView } from "./start-view.ts";
import {
  forgetLogin,
  onLoginElsewhere,
  readLogin,
  type SignedIn,
  type StoredLogin,
  saveLogin,
  storageArea,
} from "./stored-login.ts";
import type { View } from "./view.ts";

const qrCode = /\/qr\/([\w-]+)\/?$/.exec(location.pathname)?.[1];
/** Stops after which a person has to sign in again; after any other stop the client continues by itself, or was stopped from here. */
const ENDED: Partial<Record<StopWhy, string>> = {
  revoked: "You were signed out. Sign in again to continue.",
  banned: "This account is banned from this server.",
  disabled: "This account is disabled. Ask the operator.",
};

const visitor = clientOf("");
let view: View | undefined;
/** Whose page it is now. */
let shownToken: string | undefined;

/**
 * The worker's address is the server's, because this script is bundled. Messages that wait to be sent are kept for their writer across a
 * reload, if the browser stores anything.
 */
function clientOf(token: string, uid?: number): Client {
  const area = uid === undefined ? undefined : storageArea();
  const storage = area && { storage: { area, owner: String(uid) } };
  return createClient({ url: BASE, token, worker: `${BASE}parley-heartbeat.js`, ...storage });
}

function show(next: View): void {
  view?.removed?.();
  view = next;
  document.body.replaceChildren(next.node);
  next.shown?.();
}

function showStart(notice?: string): void {
  shownToken = undefined;
  show(startView({ notice, client: visitor, signedIn: (login) => signedIn(login, start) }));
}

function showChat(login: StoredLogin): void {
  shownToken = login.token;
  const client = clientOf(login.token, login.uid);
  client.on("login_success", saveLogin);
  client.on("state", (state) => {
    const notice = state.kind === "stopped" ? ENDED[state.why] : undefined;
    if (notice !== undefined) signedOut(notice);
  });
  const signOut = () => {
    // The page is signed out at once, whether or not the server can be told.
    client.request("DELETE /logins/current").catch(() => {});
    signedOut();
  };
  show(chatView({ client, login, signOut, deleted: () => signedOut("Your account was deleted.") }));
}

function showQrPage(code: string): void {
  const login = readLogin();
  shownToken = login?.token;
  show(
    qrPage({
      code,
      client: login ? clientOf(login.token) : visitor,
      login,
      signedIn: (granted) => signedIn(granted, () => showQrPage(code)),
      signedOut: () => {
        forgetLogin();
        showQrPage(code);
      },
    }),
  );
}

function signedIn({ token, user }: SignedIn, goOn: () => void): void {
  saveLogin({ token, ...user });
  goOn();
}

function signedOut(notice?: string): void {
  forgetLogin();
  showStart(notice);
}

/** The view that fits the stored login. */
function start(): void {
  if (qrCode !== undefined) return showQrPage(qrCode);
  const login = readLogin();
  if (login) showChat(login);
  else showStart();
}

onLoginElsewhere(() => {
  // The page that confirms is in the middle of something; it finds out by itself.
  if (qrCode === undefined && readLogin()?.token !== shownToken) start();
});

start();
