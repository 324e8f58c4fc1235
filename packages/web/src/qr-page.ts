import { type Client, ParleyError, type QrRequester } from "@parley/client";
import { BASE } from "./base.ts";
import { brand } from "./brand.ts";
import { deviceName } from "./device-name.ts";
import { el } from "./dom.ts";
import { messageOf } from "./problem-text.ts";
import { signInForm } from "./sign-in-form.ts";
import type { SignedIn, StoredLogin } from "./stored-login.ts";
import { timeOf } from "./times.ts";
import type { View } from "./view.ts";

export interface QrPageParts {
  readonly code: string;
  /** Of this login, or a visitor's. */
  readonly client: Client;
  readonly login: StoredLogin | undefined;
  readonly signedIn: (login: SignedIn) => void;
  /** The login is no longer valid. */
  readonly signedOut: () => void;
}

/**
 * The page that a QR code's address opens, on the phone of the person who wants to sign in on another device: it shows which device asks,
 * with Confirm and Reject. Opening it scans the code, and the other page is told.
 */
export function qrPage({ code, client, login, signedIn, signedOut }: QrPageParts): View {
  const card = el("div", { class: "card narrow" });
  const node = el("main", { class: "start" }, brand(), card);
  const path = { code };

  function show(...children: HTMLElement[]): void {
    card.replaceChildren(...children);
    card.querySelector<HTMLElement>("[data-focus]")?.focus();
  }

  function refused(error: unknown): void {
    if (error instanceof ParleyError && error.code === "unauthorized") return signedOut();
    show(
      el("h2", { tabindex: -1, "data-focus": true }, "This code no longer works"),
      el("p", { role: "alert" }, reasonOf(error)),
      home("To the hall"),
    );
  }

  async function scan(): Promise<void> {
    show(el("p", { role: "status" }, "Checking which device asks…"));
    try {
      ask(await client.request("POST /qr-logins/{code}/scan", { path }));
    } catch (error) {
      refused(error);
    }
  }

  function ask(requester: QrRequester): void {
    const buttons = el(
      "div",
      { class: "choice" },
      el("button", { type: "button", class: "secondary", onclick: () => answer("reject") }, "Reject"),
      el("button", { type: "button", class: "primary", onclick: () => answer("confirm") }, "Confirm"),
    );
    show(
      el("h2", { tabindex: -1, "data-focus": true }, "Sign in another device?"),
      el("p", {}, "It will be signed in as ", el("strong", {}, login?.name ?? "you"), "."),
      facts(requester),
      el(
        "p",
        { class: "hint" },
        "Confirm only if you see this code on a screen in front of you. Reject it if somebody sent it to you.",
      ),
      buttons,
    );
  }

  async function answer(choice: "confirm" | "reject"): Promise<void> {
    for (const button of card.querySelectorAll("button")) button.disabled = true;
    try {
      await client.request(`POST /qr-logins/{code}/${choice}`, { path });
      done(choice);
    } catch (error) {
      refused(error);
    }
  }

  function done(choice: "confirm" | "reject"): void {
    const title = choice === "confirm" ? "Confirmed" : "Rejected";
    const says =
      choice === "confirm" ? "The other device is signed in. You can close this window." : "Nobody was signed in.";
    show(el("h2", { tabindex: -1, "data-focus": true }, title), el("p", { role: "status" }, says), home("To the hall"));
  }

  return {
    node,
    shown: () => {
      if (login) return void scan();
      show(
        el("h2", {}, "Sign in first"),
        el("p", {}, "Then you can confirm the other device."),
        signInForm(client, signedIn),
      );
    },
  };
}

function facts({ ip, userAgent, place, requestedAt }: QrRequester): HTMLElement {
  const rows: [string, string][] = [
    ["Device", deviceName(userAgent)],
    ["Address", ip],
    ...(place ? [["Place", place] as [string, string]] : []),
    ["Asked at", timeOf(requestedAt)],
  ];
  return el("dl", { class: "facts" }, ...rows.flatMap(([term, value]) => [el("dt", {}, term), el("dd", {}, value)]));
}

function home(text: string): HTMLElement {
  return el("p", {}, el("a", { href: BASE, class: "button secondary wide" }, text));
}

function reasonOf(error: unknown): string {
  const code = error instanceof ParleyError ? error.code : "";
  if (code === "not_found") return "This code has expired. Scan the new one on the other screen.";
  if (code === "qr_taken") return "Somebody else has scanned this code. Scan the new one.";
  if (code === "qr_state") return "This code has already been used or rejected.";
  return messageOf(error);
}
