import type { Client } from "@parley/client";
import { brand } from "./brand.ts";
import { el } from "./dom.ts";
import { QrPanel } from "./qr-panel.ts";
import { signInForm } from "./sign-in-form.ts";
import type { SignedIn } from "./stored-login.ts";
import type { View } from "./view.ts";

/** Below this width the device is probably a phone, which has no use for a code to scan: it is shown only on request. */
const WIDE = "(min-width: 46rem)";

export interface StartParts {
  /** Why this person has to sign in again. */
  readonly notice: string | undefined;
  /** A visitor's. */
  readonly client: Client;
  readonly signedIn: (login: SignedIn) => void;
}

/** Signing in: by name and password, or by the code that another device confirms. */
export function startView({ notice, client, signedIn }: StartParts): View {
  const panel = new QrPanel(client, signedIn);
  const wantQr = el("button", { type: "button", class: "secondary wide", onclick: showQr }, "Show a QR code instead");
  const card = el(
    "div",
    { class: "card start-card" },
    el("div", { class: "column" }, signInForm(client, signedIn), wantQr),
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
    void panel.ask();
  }

  return {
    node,
    shown: () => {
      if (!matchMedia(WIDE).matches) return;
      showQr();
      node.querySelector("input")?.focus();
    },
    removed: () => panel.stop(),
  };
}
