import type { Client, ListedFriendRequest } from "@parley/client";
import type { Store, StoredFriend } from "@parley/client/store";
import { LIMITS } from "@parley/protocol";
import { avatar } from "./avatar.ts";
import { type Dialog, openDialog } from "./dialog.ts";
import { el } from "./dom.ts";
import { lengthHint, showLength } from "./length-hint.ts";
import { peoplePicker } from "./people-picker.ts";

export interface FriendsDialogParts {
  readonly client: Client;
  readonly store: Store;
  readonly me: number;
  /** Called to show the direct room with a friend. */
  readonly opened: (roomId: number) => void;
}

/** Friend requests to answer, friends to write to, and a way to ask somebody. */
export function showFriends(page: Element, parts: FriendsDialogParts): void {
  const { client, store } = parts;
  const ends: (() => void)[] = [];
  openDialog(page, {
    title: "Friends",
    closed: () => {
      for (const end of ends) end();
    },
    content: (dialog) => {
      const requests = el("ul", { class: "people requests", "aria-label": "Friend requests" });
      const friends = el("ul", { class: "people", "aria-label": "Friends" });
      const none = el("p", { class: "hint" });
      let readUpTo = 0;
      const draw = () => {
        const asked = store.friendRequests.getSnapshot();
        const known = store.friends.getSnapshot();
        const open = asked.items.filter(({ state }) => state === "open");
        requests.replaceChildren(...open.map((request) => requestRow(request, client, dialog)));
        friends.replaceChildren(...known.items.map((friend) => friendRow(friend, parts, dialog)));
        none.textContent = known.state === "ready" && known.items.length === 0 ? "Nobody yet." : "";
        // What is shown is read.
        const upTo = Math.max(
          0,
          ...open.filter(({ direction, read }) => direction === "in" && !read).map(({ id }) => id),
        );
        if (upTo <= readUpTo) return;
        readUpTo = upTo;
        void client.request("PUT /friend-requests/read", { body: { upTo } }).catch(() => {});
      };
      ends.push(store.friends.subscribe(draw), store.friendRequests.subscribe(draw), store.onlineNum.subscribe(draw));
      draw();
      return [el("h2", {}, "Friends"), requests, friends, none, askingForm(parts, dialog)];
    },
  });
}

function requestRow(
  { id, uid, name, text, direction }: ListedFriendRequest,
  client: Client,
  dialog: Dialog,
): HTMLElement {
  const act = (label: string, kind: string, run: () => Promise<unknown>) =>
    el(
      "button",
      { type: "button", class: kind, "aria-label": `${label}: ${name}`, onclick: () => void dialog.run(run) },
      label,
    );
  const path = { id };
  const acts =
    direction === "in"
      ? [
          act("Accept", "primary", () => client.request("POST /friend-requests/{id}/accept", { path })),
          act("Reject", "secondary", () => client.request("POST /friend-requests/{id}/reject", { path })),
        ]
      : [act("Withdraw", "secondary", () => client.request("DELETE /friend-requests/{id}", { path }))];
  return el(
    "li",
    { class: "request" },
    el(
      "span",
      { class: "person" },
      avatar(name, uid),
      el("span", { class: "person-name", dir: "auto" }, name),
      el("span", { class: "hint" }, direction === "in" ? "wants to be friends" : "has not answered yet"),
    ),
    text !== "" && el("p", { class: "request-text", dir: "auto" }, text),
    el("p", { class: "request-acts" }, ...acts),
  );
}

function friendRow(friend: StoredFriend, { client, store, opened }: FriendsDialogParts, dialog: Dialog): HTMLElement {
  const { uid, name, remark, roomId } = friend;
  const isOnline = store.presence(uid).getSnapshot()?.activeStatus === 1;
  const end = () => client.request("DELETE /friends/{uid}", { path: { uid } });
  return el(
    "li",
    { class: "friend" },
    el(
      "button",
      { type: "button", class: "person", title: `Write to ${name}`, onclick: () => opened(roomId) },
      el("span", { class: isOnline ? "face online" : "face" }, avatar(name, uid)),
      el("span", { class: "person-name", dir: "auto" }, remark || name),
      isOnline && el("span", { class: "hint" }, "online"),
    ),
    el(
      "button",
      { type: "button", class: "quiet", "aria-label": `Remove ${name}`, onclick: () => void dialog.run(end) },
      "Remove",
    ),
  );
}

function askingForm({ client, store, me }: FriendsDialogParts, dialog: Dialog): HTMLElement {
  const text = el("input", {
    id: "request-text",
    autocomplete: "off",
    "aria-describedby": "request-text-left",
    oninput: changed,
  });
  const left = lengthHint("request-text-left");
  const send = el("button", { type: "submit", class: "primary wide", disabled: true }, "Send friend request");
  const said = el("p", { class: "hint", role: "status" });
  const known = store.friends.getSnapshot().items.map(({ uid }) => uid);
  const picker = peoplePicker(client, {
    not: [me, ...known],
    changed,
  });
  function changed(): void {
    const { isOver } = showLength(left, text.value, LIMITS.friendTextCodePoints);
    send.disabled = isOver || picker.picked.length === 0;
  }
  const onsubmit = (event: Event) => {
    event.preventDefault();
    if (send.disabled) return;
    void dialog.run(async () => {
      for (const { uid } of picker.picked) {
        await client.request("POST /friend-requests", { body: { userId: uid, text: text.value.trim() } });
      }
      picker.clear();
      text.value = "";
      changed();
      said.textContent = "Asked.";
    });
  };
  const label = el("label", { for: "request-text" }, "Message (optional)");
  return el("form", { class: "sign-in", method: "post", onsubmit }, picker.node, label, text, left, send, said);
}
