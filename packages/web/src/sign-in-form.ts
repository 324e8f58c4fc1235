import type { Client } from "@parley/client";
import { LIMITS } from "@parley/protocol";
import { el } from "./dom.ts";
import { messageOf } from "./problem-text.ts";
import type { SignedIn } from "./stored-login.ts";

type Mode = "sign-in" | "register";

const TEXTS = {
  "sign-in": { tab: "Sign in", submit: "Sign in", busy: "Signing in…", password: "current-password" },
  register: { tab: "Register", submit: "Create account", busy: "Creating…", password: "new-password" },
} as const;

/** By what the document says about registration. The form begins with the first one. */
const MODES: Readonly<Record<string, readonly [Mode, ...Mode[]]>> = {
  first: ["register", "sign-in"],
  closed: ["sign-in"],
};

/** Name and password, for an existing account or a new one. */
export function signInForm(client: Client, signedIn: (login: SignedIn) => void): HTMLElement {
  const says = document.documentElement.dataset;
  const modes = MODES[says.registration ?? ""] ?? (["sign-in", "register"] as const);
  let [mode] = modes;
  const name = el("input", {
    id: "name",
    name: "username",
    autocomplete: "username",
    autocapitalize: "none",
    spellcheck: "false",
    required: true,
    maxlength: LIMITS.nameCodePoints * 2,
  });
  const password = el("input", { id: "password", name: "password", type: "password", required: true });
  const hint = el("p", { id: "hint", class: "hint" });
  const problem = el("p", { class: "problem", role: "alert" });
  const button = el("button", { type: "submit", class: "primary wide" });
  const tabs = modes.map((one) => tab(one));
  // The method only matters if this script fails: a password must never end up in an address.
  const form = el(
    "form",
    { class: "sign-in", method: "post", onsubmit: submit },
    tabs.length > 1 &&
      el("div", { class: "tabs", role: "group", "aria-label": "Sign in or create an account" }, ...tabs),
    el("label", { for: "name" }, "Name"),
    name,
    el("label", { for: "password" }, "Password"),
    password,
    hint,
    problem,
    button,
  );
  show(mode);
  return form;

  function tab(one: Mode): HTMLButtonElement {
    return el("button", { type: "button", onclick: () => show(one) }, TEXTS[one].tab);
  }

  function show(next: Mode): void {
    mode = next;
    const texts = TEXTS[mode];
    for (const [at, one] of modes.entries()) tabs[at]?.setAttribute("aria-pressed", String(one === mode));
    button.textContent = texts.submit;
    password.setAttribute("autocomplete", texts.password);
    password.setAttribute("aria-describedby", mode === "register" ? "hint" : "");
    hint.textContent = mode === "register" ? `At least ${LIMITS.passwordMin} characters.` : "";
    problem.textContent = "";
  }

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    problem.textContent = "";
    button.disabled = true;
    button.textContent = TEXTS[mode].busy;
    const body = { name: name.value, password: password.value };
    try {
      const login = await client.request(mode === "sign-in" ? "POST /logins" : "POST /accounts", { body });
      // There is an account now, also where the page is not loaded again before the next person signs in.
      if (says.registration === "first") says.registration = "open";
      signedIn(login);
    } catch (error) {
      problem.textContent = messageOf(error);
      password.focus();
      password.select();
    } finally {
      button.disabled = false;
      button.textContent = TEXTS[mode].submit;
    }
  }
}
