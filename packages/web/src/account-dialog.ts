import type { Client } from "@parley/client";
import { LIMITS } from "@parley/protocol";
import { el } from "./dom.ts";
import { messageOf } from "./problem-text.ts";

export interface AccountDialogParts {
  readonly client: Client;
  /** The account is gone. */
  readonly deleted: () => void;
}

/** Shows a person their own account over the page: a new password, or its deletion. */
export function showAccount(page: Element, { client, deleted }: AccountDialogParts): void {
  const dialog: HTMLDialogElement = el(
    "dialog",
    { class: "card narrow account", "aria-label": "Your account" },
    passwordForm(client),
    deletionForm(client, deleted),
    el("button", { type: "button", class: "secondary wide", onclick: () => dialog.close() }, "Close"),
  );
  // Nothing that was typed stays in the page.
  dialog.addEventListener("close", () => dialog.remove());
  page.append(dialog);
  dialog.showModal();
}

function passwordForm(client: Client): HTMLFormElement {
  const present = passwordField("Current password", "current-password");
  const next = passwordField("New password", "new-password");
  const others = el("input", { type: "checkbox", id: "end-others" });
  const done = el("p", { class: "done", role: "status" });
  return form({
    title: "Change your password",
    submit: "Change password",
    fields: [
      ...present.nodes,
      ...next.nodes,
      el("p", { class: "hint" }, `At least ${LIMITS.passwordMin} characters.`),
      el("label", { class: "choose", for: "end-others" }, others, "Sign out on my other devices"),
      done,
    ],
    async send() {
      done.textContent = "";
      const body = { password: present.input.value, newPassword: next.input.value, endOtherLogins: others.checked };
      await client.request("PUT /me/password", { body });
      present.input.value = next.input.value = "";
      done.textContent = "Your password was changed.";
    },
  });
}

function deletionForm(client: Client, deleted: () => void): HTMLFormElement {
  const password = passwordField("Your password", "current-password");
  return form({
    title: "Delete your account",
    submit: "Delete account",
    fields: [
      el(
        "p",
        { class: "hint" },
        "This takes effect at once and cannot be undone. Your messages stay, without your name.",
      ),
      ...password.nodes,
    ],
    async send() {
      await client.request("DELETE /me", { body: { password: password.input.value } });
      deleted();
    },
  });
}

function passwordField(label: string, autocomplete: "current-password" | "new-password") {
  const id = label.toLowerCase().replaceAll(" ", "-");
  const input = el("input", { id, type: "password", autocomplete, required: true });
  return { input, nodes: [el("label", { for: id }, label), input] };
}

interface FormParts {
  readonly title: string;
  readonly submit: string;
  readonly fields: readonly Node[];
  /** What is thrown is shown. */
  send(): Promise<void>;
}

/** The method only matters if this script fails: a password must never end up in an address. */
function form({ title, submit, fields, send }: FormParts): HTMLFormElement {
  const problem = el("p", { class: "problem", role: "alert" });
  const button = el("button", { type: "submit", class: "primary wide" }, submit);
  async function onsubmit(event: Event): Promise<void> {
    event.preventDefault();
    problem.textContent = "";
    button.disabled = true;
    try {
      await send();
    } catch (error) {
      problem.textContent = messageOf(error);
    } finally {
      button.disabled = false;
    }
  }
  return el("form", { class: "sign-in", method: "post", onsubmit }, el("h2", {}, title), ...fields, problem, button);
}
