import { LIMITS } from "@parley/protocol";
import { el } from "./dom.ts";
import type { Quote } from "./shown-message.ts";

/** How few characters may be left before their number is shown. */
const COUNT_FROM = 200;
const NAMES_OFFERED = 5;

export interface ComposerParts {
  /** Called with the text, without space around it, and the message that it answers. */
  send(text: string, quote: Quote | null): void;
  /** Something is being written. */
  typing(): void;
  /** Names that may follow an @. */
  names(): readonly string[];
}

export interface Composer {
  readonly node: HTMLElement;
  focus(): void;
  reply(quote: Quote): void;
  /** Another room: the draft for the previous one is kept. */
  begin(roomId: number): void;
}

/**
 * The box to write in. Enter sends, Shift and Enter breaks the line; a text that is too long stays and says so. After an @ names are
 * offered; Tab takes the first one.
 */
export function composer(parts: ComposerParts): Composer {
  const drafts = new Map<number, string>();
  let roomId: number | undefined;
  let quote: Quote | null = null;
  const field = el("textarea", {
    rows: 1,
    placeholder: "Write a message",
    "aria-label": "Message",
    "aria-describedby": "left",
    enterkeyhint: "send",
    autocomplete: "off",
    oninput: () => {
      changed();
      if (field.value.trim() !== "") parts.typing();
    },
    onkeydown: keyPressed,
  });
  const left = el("span", { id: "left", class: "left", "aria-live": "polite" });
  const button = el("button", { type: "submit", class: "primary", disabled: true }, "Send");
  const answered = el("p", { class: "answered", "aria-live": "polite" });
  const offered = el("p", { class: "offered", role: "group", "aria-label": "People to mention" });
  answered.hidden = true;
  offered.hidden = true;
  const box = el("div", { class: "writing" }, field, left, button);
  const form = el("form", { class: "composer", method: "post", onsubmit: submit }, answered, offered, box);

  function changed(): void {
    const remaining = LIMITS.textCodePoints - [...field.value.trim()].length;
    left.textContent = remaining < COUNT_FROM ? String(remaining) : "";
    left.classList.toggle("over", remaining < 0);
    button.disabled = field.value.trim() === "" || remaining < 0;
    offer();
    // Its height fits its text, up to the stylesheet's limit. While it is hidden nothing can be measured.
    field.style.height = "auto";
    if (field.scrollHeight > 0)
      field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
  }

  function keyPressed(event: Event): void {
    const { key, shiftKey, isComposing } = event as KeyboardEvent;
    const first = offered.querySelector("button");
    if (key === "Tab" && !shiftKey && first && !isComposing) {
      event.preventDefault();
      return first.click();
    }
    if (key === "Escape") return reply(null);
    // While a word is being composed, Enter chooses it.
    if (key !== "Enter" || shiftKey || isComposing) return;
    submit(event);
  }

  /** The text between an @ and the caret. */
  function begun(): { at: number; text: string } | undefined {
    const before = field.value.slice(0, field.selectionStart);
    const at = before.lastIndexOf("@");
    const text = before.slice(at + 1);
    if (at < 0 || text.length > LIMITS.nameCodePoints || text.includes("\n")) return undefined;
    return /(^|\s)$/.test(before.slice(0, at)) ? { at, text } : undefined;
  }

  function offer(): void {
    const start = begun();
    const fits = (name: string) => name.toLocaleLowerCase().startsWith((start?.text ?? "").toLocaleLowerCase());
    const names = start ? parts.names().filter((name) => fits(name) && name !== start.text) : [];
    const buttons = names
      .slice(0, NAMES_OFFERED)
      .map((name) =>
        el("button", { type: "button", class: "secondary", dir: "auto", onclick: () => take(name) }, `@${name}`),
      );
    offered.replaceChildren(...buttons);
    offered.hidden = buttons.length === 0;
  }

  function take(name: string): void {
    const { at = 0 } = begun() ?? {};
    field.setRangeText(`@${name} `, at, field.selectionStart, "end");
    field.focus();
    changed();
  }

  function reply(to: Quote | null): void {
    quote = to;
    answered.hidden = !to;
    if (!to) return answered.replaceChildren();
    answered.replaceChildren(
      el("span", { class: "quote-name", dir: "auto" }, `Reply to ${to.name}`),
      el("span", { class: "quote-text", dir: "auto" }, to.text.slice(0, COUNT_FROM)),
      el("button", { type: "button", class: "quiet", "aria-label": "Cancel reply", onclick: () => reply(null) }, "✕"),
    );
    field.focus();
  }

  function submit(event: Event): void {
    event.preventDefault();
    if (button.disabled) return;
    parts.send(field.value.trim(), quote);
    field.value = "";
    reply(null);
    changed();
    field.focus();
  }

  function begin(next: number): void {
    if (roomId !== undefined) drafts.set(roomId, field.value);
    roomId = next;
    field.value = drafts.get(next) ?? "";
    reply(null);
    changed();
  }

  return { node: form, focus: () => field.focus(), reply, begin };
}
