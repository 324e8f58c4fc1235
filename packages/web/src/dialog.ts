import { el } from "./dom.ts";
import { messageOf } from "./problem-text.ts";

export interface Dialog {
  readonly node: HTMLDialogElement;
  /** Does something that may fail, and says why it did. */
  run(act: () => Promise<unknown>): Promise<void>;
  close(): void;
}

/** A window over the page. It closes by its button, by Escape, and when what it shows is gone. */
export function openDialog(
  page: Element,
  {
    title,
    content,
    closed = () => {},
  }: { title: string; content: (dialog: Dialog) => readonly Node[]; closed?: () => void },
): Dialog {
  const problem = el("p", { class: "problem", role: "alert" });
  const body = el("div", { class: "dialog-body" });
  const node: HTMLDialogElement = el(
    "dialog",
    { class: "card narrow account", "aria-label": title },
    body,
    problem,
    el("button", { type: "button", class: "secondary wide", onclick: () => node.close() }, "Close"),
  );
  const dialog: Dialog = {
    node,
    close: () => node.close(),
    async run(act) {
      problem.textContent = "";
      try {
        await act();
      } catch (error) {
        problem.textContent = messageOf(error);
      }
    },
  };
  body.append(...content(dialog));
  node.addEventListener("close", () => {
    node.remove();
    closed();
  });
  page.append(node);
  node.showModal();
  return dialog;
}
