import type { Client, Notification } from "@parley/client";
import type { Store } from "@parley/client/store";
import { type Dialog, openDialog } from "./dialog.ts";
import { el } from "./dom.ts";
import { linked } from "./links.ts";
import { fullTimeOf, shortDayOf } from "./times.ts";

/** What the product has told this person: seen when it is shown, read when it is opened, and taken out of the list. */
export function showNotifications(page: Element, { client, store }: { client: Client; store: Store }): void {
  const ends: (() => void)[] = [];
  openDialog(page, {
    title: "Notifications",
    closed: () => {
      for (const end of ends) end();
    },
    content: (dialog) => {
      const list = el("ul", { class: "notifications", "aria-label": "Notifications" });
      const none = el("p", { class: "hint" });
      let seenUpTo = 0;
      const draw = () => {
        const { items, state } = store.notifications.getSnapshot();
        list.replaceChildren(...items.map((one) => row(one, client, dialog)));
        none.textContent = state === "ready" && items.length === 0 ? "Nothing yet." : "";
        const upTo = items.find(({ seen, read, done }) => !seen && !read && !done)?.id ?? 0;
        if (upTo <= seenUpTo) return;
        seenUpTo = upTo;
        void client.request("PUT /notifications/seen", { body: { upTo } }).catch(() => {});
      };
      const readAll = () => {
        const upTo = store.notifications.getSnapshot().items[0]?.id;
        if (upTo === undefined) return;
        void dialog.run(() => client.request("PUT /notifications/read", { body: { upTo } }));
      };
      ends.push(store.notifications.subscribe(draw));
      draw();
      return [
        el("h2", {}, "Notifications"),
        el("button", { type: "button", class: "secondary wide", onclick: readAll }, "Mark all as read"),
        list,
        none,
      ];
    },
  });
}

function row({ id, title, text, link, at, read, done }: Notification, client: Client, dialog: Dialog): HTMLElement {
  const body = { ids: [id] };
  const markRead = () => void client.request("PUT /notifications/read", { body }).catch(() => {});
  const archive = () => void dialog.run(() => client.request("PUT /notifications/archive", { body }));
  const address = link === null ? undefined : webAddress(link);
  return el(
    "li",
    { class: read || done ? "notification" : "notification unread" },
    el("h3", { dir: "auto" }, title),
    el("p", { class: "request-text", dir: "auto" }, ...linked(text)),
    el(
      "p",
      { class: "notification-acts" },
      el("time", { class: "hint", datetime: new Date(at).toISOString(), title: fullTimeOf(at) }, shortDayOf(at)),
      address !== undefined &&
        el("a", { href: address, target: "_blank", rel: "noopener noreferrer", onclick: markRead }, "Open"),
      !read &&
        !done &&
        el(
          "button",
          { type: "button", class: "quiet", "aria-label": `Mark as read: ${title}`, onclick: markRead },
          "Mark as read",
        ),
      el("button", { type: "button", class: "quiet", "aria-label": `Remove: ${title}`, onclick: archive }, "Remove"),
    ),
  );
}

/** A browser would run an address that begins with `javascript:`. */
function webAddress(link: string): string | undefined {
  return /^(https?:\/\/|\/(?!\/))/.test(link) ? link : undefined;
}
