import { LIMITS, Push } from "@parley/protocol";
import { Command } from "@parley/protocol/command-type";
import { create } from "qrcode";
import type { ConnectionStatus, PushFrame } from "./connection.ts";
import { el, svgPath } from "./dom.ts";

/** Light modules around the code that scanners need. */
const QUIET = 4;
/** A code that was not replaced by then has run out; the server sends the next one well before. */
const SHOWN_MS = LIMITS.qrLifetimeMs + 2_000;
/** The server gives out a code once in 5 s. */
const ASK_AGAIN_MS = 5_500;

type State = "waiting" | "shown" | "scanned" | "expired";

/** The code that signs this page in when a signed-in person opens its address and confirms. */
export class QrPanel {
  readonly node: HTMLElement;
  readonly #send: (type: number) => void;
  readonly #code = el("div", { class: "qr" });
  readonly #says = el("p", { class: "qr-says", role: "status" });
  readonly #link = el("p", { class: "qr-link" });
  readonly #again = el("button", { type: "button", class: "secondary", onclick: () => this.ask() }, "Show a new code");
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(send: (type: number) => void) {
    this.#send = send;
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

  /** The connection is open: asks for a code. */
  ask(): void {
    this.#become("waiting");
    this.#send(Command.LOGIN);
  }

  onStatus(status: ConnectionStatus): void {
    if (status === "waiting" || status === "paused")
      this.#become("waiting", "No connection to the server. Trying again…");
  }

  onFrame(frame: PushFrame): void {
    if (frame.type === Push.LOGIN_URL) this.#show(frame.data.loginUrl);
    else if (frame.type === Push.LOGIN_SCAN_SUCCESS) this.#become("scanned");
    else if (frame.type === Push.ERROR && frame.data.requestType === Command.LOGIN) {
      this.#later(ASK_AGAIN_MS, () => this.ask());
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #show(url: string): void {
    const { modules } = create(url, { errorCorrectionLevel: "M" });
    const label = "QR code for signing in";
    this.#code.replaceChildren(svgPath({ d: outline(modules), size: modules.size + 2 * QUIET, label }));
    this.#code.dataset.loginUrl = url;
    // The same code on this page's own address: here this browser may be signed in already.
    const here = `/qr/${url.split("/").at(-1)}`;
    const link = el("a", { href: here, target: "_blank", rel: "noopener" }, "open it in a new window");
    this.#link.replaceChildren("Signed in on this computer already? Then ", link, ".");
    this.#become("shown");
    this.#later(SHOWN_MS, () => this.#become("expired"));
  }

  #become(state: State, says?: string): void {
    this.node.dataset.state = state;
    this.#again.hidden = state !== "expired";
    this.#link.hidden = state !== "shown";
    this.#says.textContent = says ?? SAYS[state];
    if (state === "waiting") delete this.#code.dataset.loginUrl;
  }

  #later(ms: number, task: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(task, ms);
  }
}

const SAYS: Record<State, string> = {
  waiting: "Getting a code…",
  shown: "Scan this code with a phone that is signed in here, and confirm.",
  scanned: "Scanned. Now confirm on the other device.",
  expired: "This code has run out.",
};

/** Dark modules as one path: a bar for each run in a row. */
function outline({ size, data }: { size: number; data: ArrayLike<number> }): string {
  let path = "";
  for (let y = 0; y < size; y++) {
    for (let x = 0, run = 0; x < size; x += Math.max(run, 1)) {
      run = 0;
      while (x + run < size && data[y * size + x + run]) run += 1;
      if (run > 0) path += `M${x + QUIET} ${y + QUIET}h${run}v1h-${run}z`;
    }
  }
  return path;
}
