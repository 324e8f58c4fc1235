import type { Client } from "@parley/client";
import { BASE } from "./base.ts";
import { el, svgPath } from "./dom.ts";
import type { outlineOf as OutlineOf } from "./qr-code.ts";
import { type QrStep, signInByQr } from "./qr-sign-in.ts";
import type { SignedIn } from "./stored-login.ts";

/** What makes codes is a file of its own (`qr-code.ts`), which only those load who are not signed in. The server puts its address here. */
const QR_CODE: string = "./qr-code.js";

/** The code that signs this page in when a signed-in person opens its address and confirms. */
export class QrPanel {
  readonly node: HTMLElement;
  readonly #client: Client;
  readonly #signedIn: (login: SignedIn) => void;
  readonly #code = el("div", { class: "qr" });
  readonly #says = el("p", { class: "qr-says", role: "status" });
  readonly #link = el("p", { class: "qr-link" });
  readonly #again = el("button", { type: "button", class: "secondary", onclick: () => this.ask() }, "Show a new code");
  #asking = new AbortController();

  constructor(client: Client, signedIn: (login: SignedIn) => void) {
    this.#client = client;
    this.#signedIn = signedIn;
    this.node = el(
      "section",
      { class: "qr-panel", "aria-label": "Sign in with a QR code" },
      el("h2", {}, "Sign in with your phone"),
      el("div", { class: "qr-frame" }, this.#code, this.#again),
      this.#says,
      this.#link,
    );
    this.#become("waiting");
  }

  /** Shows codes until one is confirmed, for some minutes. */
  async ask(): Promise<void> {
    this.stop();
    this.#asking = new AbortController();
    this.#become("waiting");
    const { signal } = this.#asking;
    const login = await signInByQr({ client: this.#client, show: (step) => this.#show(step), signal });
    if (login) this.#signedIn(login);
  }

  stop(): void {
    this.#asking.abort();
  }

  #show(step: QrStep): void {
    // Where the file does not come the next answer asks for it again.
    if (step.state === "shown") this.#draw(step.url).catch(() => {});
    this.#become(step.state, step.state === "waiting" ? step.problem : undefined);
  }

  async #draw(url: string): Promise<void> {
    const { outlineOf }: { outlineOf: typeof OutlineOf } = await import(QR_CODE);
    if (this.#code.dataset.loginUrl === url) return;
    this.#code.dataset.loginUrl = url;
    const label = "QR code for signing in";
    this.#code.replaceChildren(svgPath({ ...outlineOf(url), label }));
    // The same code on this page's own address: here this browser may be signed in already.
    const here = `${BASE}qr/${url.split("/").at(-1)}`;
    const link = el("a", { href: here, target: "_blank", rel: "noopener" }, "open it in a new window");
    this.#link.replaceChildren("Already signed in on this computer? Then ", link, ".");
  }

  #become(state: QrStep["state"], says?: string): void {
    this.node.dataset.state = state;
    this.#again.hidden = state !== "expired";
    this.#link.hidden = state !== "shown";
    this.#says.textContent = says ?? SAYS[state];
  }
}

const SAYS: Record<QrStep["state"], string> = {
  waiting: "Getting a code…",
  shown: "Scan this code with a phone that is signed in, and confirm.",
  scanned: "Scanned. Now confirm on the other device.",
  expired: "This code has expired.",
};
