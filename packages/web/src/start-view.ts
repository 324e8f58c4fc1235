import type { Granted } from "./api.ts";
import { brand } from "./brand.ts";
import { el } from "./dom.ts";
import { QrPanel } from "./qr-panel.ts";
import { signInForm } from "./sign-in-form.ts";
import type { View } from "./view.ts";

/** Below this width a phone is in the hand, which has no use for a code to scan: it is shown when asked for. */
const WIDE = "(min-width: 46rem)";

export interface StartParts {
  /** Why this person has to sign in again. */
  readonly notice: string | undefined;
  readonly signedIn: (granted: Granted) => void;
  /** Opens the live connection that the QR code needs. */
  readonly connect: () => void;
  readonly send: (type: number) => void;
}

/** Signing in: by name and password, or by the code that another device confirms. */
export function startView({ notice, signedIn, connect, send }: StartParts): View {
  const panel = new QrPanel(send);
  const wantQr = el("button", { type: "button", class: "secondary wide", onclick: showQr }, "Show a QR code instead");
  const card = el(
    "div",
    { class: "card start-card" },
    el("div", { class: "column" }, signInForm(signedIn), wantQr),
    panel.node,
  );
  const node = el(
    "main",
    { class: "start" },
    brand("Messages for your people, on your own server."),
    notice !== undefined && el("p", { class: "banner", role: "status" }, notice),
    card,
  );
  panel.node.hidden = true;

  function showQr(): void {
    wantQr.hidden = true;
    panel.node.hidden = false;
    card.classList.add("with-qr");
    panel.node.scrollIntoView({ block: "nearest" });
    connect();
  }

  return {
    node,
    shown: () => {
      if (!matchMedia(WIDE).matches) return;
      showQr();
      node.querySelector("input")?.focus();
    },
    onStatus: (status) => panel.onStatus(status),
    onAnonymous: () => panel.ask(),
    onFrame: (frame) => panel.onFrame(frame),
    removed: () => panel.stop(),
  };
}
