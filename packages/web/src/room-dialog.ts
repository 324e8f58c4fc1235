import type { Client } from "@parley/client";
import type { Store, StoredMember, StoredRoom } from "@parley/client/store";
import { HALL_ROOM_ID } from "@parley/protocol/streams";
import { avatar } from "./avatar.ts";
import { type Dialog, openDialog } from "./dialog.ts";
import { arrange, el } from "./dom.ts";
import { peoplePicker } from "./people-picker.ts";

export interface RoomDialogParts {
  readonly client: Client;
  readonly store: Store;
  readonly roomId: number;
  readonly me: number;
  /** A direct room with somebody was opened. */
  readonly opened: (roomId: number) => void;
}

const ROLES: Record<number, string> = { 1: "owner", 2: "admin" };

/** What a room is: its members and who of them is online, the user's settings of it, and the ways out. */
export function showRoom(page: Element, parts: RoomDialogParts): void {
  const { store, roomId } = parts;
  const ends: (() => void)[] = [];
  const dialog = openDialog(page, {
    title: "About this room",
    closed: () => {
      for (const end of ends) end();
    },
    content: (opened) => {
      const title = el("h2", { dir: "auto" });
      const own = settings(parts, opened);
      const switches = el("div", { class: "switches" }, ...own.nodes);
      const people = el("section", {}, ...(roomId === HALL_ROOM_ID ? [] : [membersPart(parts, ends)]));
      const more = el("div", { class: "column" });
      const draw = () => {
        const room = store.room(roomId).getSnapshot();
        if (!room?.isListed) return dialog?.close();
        title.textContent = room.name;
        own.show(room);
        const form = roomKey(room);
        if (more.dataset.form !== form) more.replaceChildren(...waysOn(room, parts, opened));
        more.dataset.form = form;
      };
      ends.push(store.room(roomId).subscribe(draw));
      draw();
      return [title, switches, people, more];
    },
  });
}

/** What the ways on depend on: they are not made anew while somebody writes in them. */
function roomKey({ type, role, managed }: StoredRoom): string {
  return `${type} ${role} ${managed}`;
}

/** The boxes stay while they change, and so does the focus. */
function settings(
  { client, roomId: id }: RoomDialogParts,
  dialog: Dialog,
): { nodes: HTMLElement[]; show(room: StoredRoom): void } {
  const one = (label: string, name: "pinned" | "muted") => {
    const box = el("input", { type: "checkbox" });
    box.addEventListener("change", () => {
      const body = { [name]: box.checked };
      void dialog.run(() => client.request("PATCH /rooms/{id}/settings", { path: { id }, body }));
    });
    return { box, node: el("label", { class: "choose" }, box, label) };
  };
  const pinned = one("Pinned: stays at the top", "pinned");
  const muted = one("Muted: new messages do not draw attention", "muted");
  return {
    nodes: [pinned.node, muted.node],
    show(room) {
      pinned.box.checked = room.pinned;
      muted.box.checked = room.muted;
    },
  };
}

function membersPart({ client, store, roomId, me, opened }: RoomDialogParts, ends: (() => void)[]): HTMLElement {
  const members = store.members(roomId);
  const heading = el("h3", {});
  const list = el("ul", { class: "people" });
  const more = el("button", { type: "button", class: "quiet", onclick: () => void members.more() }, "Show more");
  const rows = new Map<number, { member: StoredMember; isOnline: boolean; node: HTMLElement }>();

  function row(member: StoredMember): HTMLElement {
    const isOnline = store.presence(member.uid).getSnapshot()?.activeStatus === 1;
    const old = rows.get(member.uid);
    if (old?.member === member && old.isOnline === isOnline) return old.node;
    const { uid, name, role } = member;
    const write = async () => opened((await client.request("POST /rooms/direct", { body: { userId: uid } })).id);
    const shown = [
      el("span", { class: isOnline ? "face online" : "face" }, avatar(name, uid)),
      el("span", { class: "person-name", dir: "auto" }, uid === me ? `${name} (you)` : name),
      el("span", { class: "hint" }, [ROLES[role], isOnline && "online"].filter(Boolean).join(", ")),
    ];
    const node =
      uid === me
        ? el("li", {}, el("span", { class: "person" }, ...shown))
        : el(
            "li",
            {},
            el(
              "button",
              {
                type: "button",
                class: "person",
                title: `Write to ${name}`,
                onclick: () => void write().catch(() => {}),
              },
              ...shown,
            ),
          );
    rows.set(uid, { member, isOnline, node });
    return node;
  }

  function draw(): void {
    const { items, hasMore, state } = members.getSnapshot();
    const count = store.room(roomId).getSnapshot()?.memberCount ?? items.length;
    heading.textContent = state === "loading" ? "Members" : `${count} ${count === 1 ? "member" : "members"}`;
    arrange(list, items.map(row));
    more.hidden = !hasMore || state !== "ready";
  }

  ends.push(members.subscribe(draw), store.onlineNum.subscribe(draw));
  draw();
  return el("div", { class: "members" }, heading, list, more);
}

function waysOn(room: StoredRoom, parts: RoomDialogParts, dialog: Dialog): HTMLElement[] {
  const { id, type, role, managed } = room;
  const { client, me } = parts;
  if (type === 2 || id === HALL_ROOM_ID) return [];
  const leave = () => client.request("DELETE /rooms/{id}/members/{uid}", { path: { id, uid: me } });
  const dissolve = () => client.request("DELETE /rooms/{id}", { path: { id } });
  const end = role === 1 ? { label: "Dissolve this group", act: dissolve } : { label: "Leave this group", act: leave };
  return [
    ...(managed
      ? [el("p", { class: "hint" }, "The members of this group are chosen elsewhere.")]
      : adding(room, parts, dialog)),
    el(
      "button",
      { type: "button", class: "secondary wide danger", onclick: () => void dialog.run(end.act) },
      end.label,
    ),
  ];
}

function adding({ id }: StoredRoom, { client, store, me }: RoomDialogParts, dialog: Dialog): HTMLElement[] {
  const known = store
    .members(id)
    .getSnapshot()
    .items.map(({ uid }) => uid);
  const add = el("button", { type: "button", class: "primary wide", disabled: true }, "Add to this group");
  const picker = peoplePicker(client, {
    not: [...known, me],
    changed: () => {
      add.disabled = picker.picked.length === 0;
    },
  });
  add.addEventListener("click", () => {
    const memberIds = picker.picked.map(({ uid }) => uid);
    void dialog.run(async () => {
      await client.request("POST /rooms/{id}/members", { path: { id }, body: { memberIds } });
      dialog.close();
    });
  });
  return [picker.node, add];
}
