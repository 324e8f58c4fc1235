/*
 * The page at /: sign in or show a QR code, then the hall; at /qr/<code> the page that confirms a code. Plain DOM, no
 * framework: one view fills the page at a time (`view.ts`), and one live connection (`connection.ts`) brings it the news.
 *
 * - What changes state goes over HTTP (`api.ts`), what happens comes over the live connection.
 * - The token is kept in the browser's storage (`stored-login.ts`) and never stands in an address.
 * - Nothing that a person wrote is read as HTML (`dom.ts`).
 *
 * Must not import the server; of the protocol only constants, cursors and types.
 */
import { Push } from "@parley/protocol";
import { createApi, type Granted } from "./api.ts";
import { Connection, type PushFrame } from "./connection.ts";
import { hallView } from "./hall-view.ts";
import { qrPage } from "./qr-page.ts";
import { startView } from "./start-view.ts";
import { forgetLogin, onLoginElsewhere, readLogin, type StoredLogin, saveLogin } from "./stored-login.ts";
import type { View } from "./view.ts";

const qrCode = /^\/qr\/([\w-]+)\/?$/.exec(location.pathname)?.[1];
const ENDED = {
  "signed-out": "You were signed out. Sign in again to go on.",
  banned: "This account is banned from this server.",
};

let view: View | undefined;
let connection: Connection | undefined;
/** Whose page it is now. */
let shownToken: string | undefined;

function show(next: View): void {
  view?.removed?.();
  view = next;
  document.body.replaceChildren(next.node);
  next.shown?.();
}

function connect(token?: string): void {
  connection?.stop();
  connection = new Connection(
    {
      onStatus: (status) => view?.onStatus?.(status),
      onAnonymous: () => view?.onAnonymous?.(),
      onFrame,
      onFresh: () => view?.onFresh?.(),
      onEnded: (why) => signedOut(ENDED[why]),
    },
    token,
  );
}

function onFrame(frame: PushFrame): void {
  if (frame.type === Push.LOGIN_SUCCESS) {
    saveLogin(frame.data);
    // The QR code was confirmed: this connection is signed in now and goes on as the hall's.
    if (shownToken !== frame.data.token) showHall(frame.data);
  }
  view?.onFrame?.(frame);
}

function showStart(notice?: string): void {
  shownToken = undefined;
  show(
    startView({
      notice,
      signedIn: (granted) => signedIn(granted, start),
      connect: () => connect(),
      send: (type) => connection?.send(type),
    }),
  );
}

function showHall(login: StoredLogin): void {
  shownToken = login.token;
  // A late refusal of a login that is not shown any more is nobody's.
  const refused = () => shownToken === login.token && signedOut(ENDED["signed-out"]);
  show(hallView({ login, signOut: () => signOut(login), signedOut: refused }));
}

function showQrPage(code: string): void {
  const login = readLogin();
  shownToken = login?.token;
  show(
    qrPage({
      code,
      login,
      signedIn: (granted) => signedIn(granted, () => showQrPage(code)),
      signedOut: () => {
        forgetLogin();
        showQrPage(code);
      },
    }),
  );
}

function signedIn({ token, user }: Granted, goOn: () => void): void {
  saveLogin({ token, ...user });
  goOn();
}

function signOut({ token }: StoredLogin): void {
  // The page is signed out at once, whether or not the server can be told.
  createApi(token)
    .signOut()
    .catch(() => {});
  signedOut();
}

function signedOut(notice?: string): void {
  connection?.stop();
  connection = undefined;
  forgetLogin();
  showStart(notice);
}

/** The view that belongs to what is stored. */
function start(): void {
  if (qrCode !== undefined) return showQrPage(qrCode);
  const login = readLogin();
  if (!login) return showStart();
  showHall(login);
  connect(login.token);
}

onLoginElsewhere(() => {
  // The page that confirms is in the middle of something; it finds out by itself.
  if (qrCode !== undefined || readLogin()?.token === shownToken) return;
  connection?.stop();
  connection = undefined;
  start();
});

start();
