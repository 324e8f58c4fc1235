import { LIMITS } from "@parley/protocol";
import { isComposing } from "./composing.ts";
import { el } from "./dom.ts";
import type { Drafts } from "./drafts.ts";
import { lengthHint, showLength } from "./length-hint.ts";
import type { Quote } from "./shown-message.ts";

/** So much of what is answered is shown. */
const ANSWERED_SHOWN = 200;
const NAMES_OFFERED = 5;

export interface ComposerParts {
  /** Called with the text, without space around it, and the message that it answers. */
  send(text: string, quote: Quote | null): void;
  /** Something is being written. */
  typing(): void;
  /** Names that may follow an @. */
  names(): readonly string[];
  readonly drafts: Drafts;
}

export interface Composer {
  readonly node: HTMLElement;
  focus(): void;
  reply(quote: Quote): void;
  /** Another room, with what was written for it before. */
  begin(roomId: number): void;
}

/**
 * The box to write in. Enter sends, Shift and Enter breaks the line; a text that is too long stays and says so. After an @ names are
 * offered; Tab takes the first one.
 */
export function composer(parts: ComposerParts): Composer {
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
      written();
      if (field.value.trim() !== "") parts.typing();
    },
    onkeydown: keyPressed,
  });
  const left = lengthHint("left");
  const button = el("button", { type: "submit", class: "primary", disabled: true }, "Send");
  const answered = el("p", { class: "answered", "aria-live": "polite" });
  const offered = el("p", { class: "offered", role: "group", "aria-label": "People to mention" });
  answered.hidden = true;
  offered.hidden = true;
  const box = el("div", { class: "writing" }, field, button);
  const form = el("form", { class: "composer", method: "post", onsubmit: submit }, answered, offered, box, left);

  function changed(): void {
    const length = showLength(left, field.value, LIMITS.textCodePoints);
    button.disabled = length.isEmpty || length.isOver;
    offer();
    // Its height fits its text, up to the stylesheet's limit. While it is hidden nothing can be measured. The form keeps its height during
    // the measurement, so that the messages above do not move away from their end.
    form.style.minHeight = `${form.offsetHeight}px`;
    field.style.height = "auto";
    if (field.scrollHeight > 0)
      field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
    form.style.minHeight = "";
  }

  function keyPressed(event: Event): void {
    if (isComposing(event)) return;
    const { key, shiftKey } = event as KeyboardEvent;
    const first = offered.querySelector("button");
    if (key === "Tab" && !shiftKey && first) {
      event.preventDefault();
      return first.click();
    }
    if (key === "Escape") return reply(null);
    if (key === "Enter" && !shiftKey) submit(event);
  }

  function written(): void {
    if (roomId !== undefined) parts.drafts.write(roomId, field.value);
    changed();
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
    written();
  }

  function reply(to: Quote | null): void {
    quote = to;
    answered.hidden = !to;
    if (!to) return answered.replaceChildren();
    answered.replaceChildren(
      el("span", { class: "quote-name", dir: "auto" }, `Reply to ${to.name}`),
      el("span", { class: "quote-text", dir: "auto" }, to.text.slice(0, ANSWERED_SHOWN)),
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
    written();
    field.focus();
  }

  function begin(next: number): void {
    roomId = next;
    field.value = parts.drafts.read(next);
    reply(null);
    changed();
  }

  return { node: form, focus: () => field.focus(), reply, begin };
}
