import { LIMITS } from "@parley/protocol";
import { el } from "./dom.ts";

/** How few characters may be left before their number is shown. */
const COUNT_FROM = 200;

/**
 * The box to write in. Enter sends, Shift and Enter breaks the line; a text that is too long stays and says so. `send` is
 * called with what was written, without space around it.
 */
export function composer(send: (text: string) => void): { node: HTMLElement; focus(): void } {
  const field = el("textarea", {
    rows: 1,
    placeholder: "Write a message",
    "aria-label": "Message",
    "aria-describedby": "left",
    enterkeyhint: "send",
    autocomplete: "off",
    oninput: changed,
    onkeydown: keyPressed,
  });
  const left = el("span", { id: "left", class: "left", "aria-live": "polite" });
  const button = el("button", { type: "submit", class: "primary", disabled: true }, "Send");
  const form = el("form", { class: "composer", method: "post", onsubmit: submit }, field, left, button);

  function changed(): void {
    const remaining = LIMITS.textCodePoints - [...field.value.trim()].length;
    left.textContent = remaining < COUNT_FROM ? String(remaining) : "";
    left.classList.toggle("over", remaining < 0);
    button.disabled = field.value.trim() === "" || remaining < 0;
    // Its height is what it holds, up to the stylesheet's limit.
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
  }

  function keyPressed(event: Event): void {
    const { key, shiftKey, isComposing } = event as KeyboardEvent;
    // While a word is being composed, Enter chooses it.
    if (key !== "Enter" || shiftKey || isComposing) return;
    submit(event);
  }

  function submit(event: Event): void {
    event.preventDefault();
    if (button.disabled) return;
    send(field.value.trim());
    field.value = "";
    changed();
    field.focus();
  }

  return { node: form, focus: () => field.focus() };
}
