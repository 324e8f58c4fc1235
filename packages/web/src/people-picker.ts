import type { Client, User } from "@parley/client";
import { avatar } from "./avatar.ts";
import { isComposing } from "./composing.ts";
import { el } from "./dom.ts";
import { messageOf } from "./problem-text.ts";

type Picked = Pick<User, "uid" | "name">;

const ASK_AFTER_MS = 250;
const SHORTEST = 2;

export interface PeoplePicker {
  readonly node: HTMLElement;
  readonly picked: readonly Picked[];
  /** Clears the choice. */
  clear(): void;
}

/** Finds people by how their names begin, and keeps those that were chosen. */
export function peoplePicker(
  client: Client,
  { not, changed }: { not: readonly number[]; changed: () => void },
): PeoplePicker {
  let picked: readonly Picked[] = [];
  let asked = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const input = el("input", {
    id: "find-people",
    type: "search",
    autocomplete: "off",
    oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(() => void find(), ASK_AFTER_MS);
    },
    onkeydown: (event) => {
      if ((event as KeyboardEvent).key !== "Enter" || isComposing(event)) return;
      // Enter searches at once, and does not send the form.
      event.preventDefault();
      clearTimeout(timer);
      void find();
    },
  });
  const said = el("p", { class: "hint", role: "status" });
  const found = el("ul", { class: "people found" });
  const chosen = el("ul", { class: "chosen", "aria-label": "Chosen people" });
  const node = el(
    "div",
    { class: "picker" },
    el("label", { for: "find-people" }, "Find people by name"),
    input,
    chosen,
    said,
    found,
  );

  async function find(): Promise<void> {
    const query = input.value.trim();
    asked += 1;
    const turn = asked;
    if ([...query].length < SHORTEST) {
      found.replaceChildren();
      said.textContent = query === "" ? "" : "Type at least two letters.";
      return;
    }
    try {
      const { items } = await client.request("GET /users", { query: { query, limit: 20 } });
      if (turn !== asked) return;
      const others = items.filter(({ uid }) => !not.includes(uid) && !picked.some((one) => one.uid === uid));
      said.textContent = others.length === 0 ? "No one else has a name like that." : "";
      found.replaceChildren(...others.map(offer));
    } catch (error) {
      if (turn === asked) said.textContent = messageOf(error);
    }
  }

  function offer({ uid, name }: User): HTMLElement {
    const add = () => {
      pick([...picked, { uid, name }]);
      input.value = "";
      found.replaceChildren();
      input.focus();
    };
    return el(
      "li",
      {},
      el(
        "button",
        { type: "button", class: "person", onclick: add },
        avatar(name, uid),
        el("span", { dir: "auto" }, name),
      ),
    );
  }

  function pick(next: readonly Picked[]): void {
    picked = next;
    chosen.replaceChildren(
      ...picked.map(({ uid, name }) => {
        const remove = () => pick(picked.filter((one) => one.uid !== uid));
        return el(
          "li",
          {},
          el(
            "button",
            { type: "button", class: "secondary", "aria-label": `Remove ${name}`, onclick: remove },
            el("span", { dir: "auto" }, name),
            " ✕",
          ),
        );
      }),
    );
    changed();
  }

  return {
    node,
    get picked() {
      return picked;
    },
    clear: () => pick([]),
  };
}
