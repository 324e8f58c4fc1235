import type { StoredRoom } from "@parley/client/store";
import { avatar } from "./avatar.ts";
import { arrange, el } from "./dom.ts";
import { icon } from "./icons.ts";
import { lineOf } from "./shown-message.ts";
import { dayOf, shortDayOf, timeOf } from "./times.ts";

/** What a row is drawn from; lines of the store that have not changed are the same objects. */
interface DrawnRoom {
  readonly room: StoredRoom;
  readonly isOpen: boolean;
  /** The state of the other person of a direct room. */
  readonly isOnline: boolean;
  readonly when: string;
}

export interface RoomListContext {
  readonly open: number | undefined;
  readonly me: number;
  /** Epoch milliseconds. */
  readonly now: number;
  isOnline(uid: number): boolean;
}

/** Beyond that, a number says little. */
const COUNT_MAX = 99;

/** The list of rooms: pinned ones first, then by newest activity, each with its preview and red dot. */
export class RoomList {
  readonly node: HTMLElement;
  readonly #list = el("ul", { class: "rooms" });
  readonly #rows = new Map<number, { drawn: DrawnRoom; node: HTMLElement }>();
  readonly #open: (roomId: number) => void;

  constructor(open: (roomId: number) => void) {
    this.#open = open;
    this.node = el("nav", { class: "room-list", "aria-label": "Rooms" }, this.#list);
  }

  render(rooms: readonly StoredRoom[], context: RoomListContext): void {
    const pinned = rooms.filter((room) => room.pinned);
    const others = rooms.filter((room) => !room.pinned);
    const rows = [...pinned, ...others].map((room) => this.#row(room, context));
    arrange(this.#list, rows);
    if (this.#rows.size === rooms.length) return;
    const ids = new Set(rooms.map(({ id }) => id));
    for (const id of this.#rows.keys()) if (!ids.has(id)) this.#rows.delete(id);
  }

  #row(room: StoredRoom, { open, me, now, isOnline }: RoomListContext): HTMLElement {
    const at = room.lastMessage?.message.sendTime;
    const when = at === undefined ? "" : dayOf(at, now) === "Today" ? timeOf(at) : shortDayOf(at);
    const drawn = {
      room,
      isOpen: room.id === open,
      isOnline: room.userId !== null && isOnline(room.userId),
      when,
    };
    const old = this.#rows.get(room.id);
    const isSame = old && (Object.keys(drawn) as (keyof DrawnRoom)[]).every((key) => old.drawn[key] === drawn[key]);
    if (isSame) return old.node;
    const node = this.#made(drawn, me);
    // The focus stays on a row that is drawn anew.
    if (old?.node.contains(document.activeElement)) queueMicrotask(() => node.querySelector("button")?.focus());
    this.#rows.set(room.id, { drawn, node });
    return node;
  }

  #made({ room, isOpen, isOnline, when }: DrawnRoom, me: number): HTMLElement {
    const { id, name, unread, pinned, muted, userId } = room;
    return el(
      "li",
      {},
      el(
        "button",
        {
          type: "button",
          class: "room-row",
          "data-room-id": id,
          "aria-current": isOpen ? "true" : undefined,
          onclick: () => this.#open(id),
        },
        el("span", { class: isOnline ? "face online" : "face" }, avatar(name, userId ?? id)),
        el("span", { class: "room-name", dir: "auto" }, name),
        pinned && sign("pinned"),
        muted && sign("muted"),
        el("span", { class: "room-when" }, when),
        el("span", { class: "room-preview", dir: "auto" }, previewOf(room, me)),
        unread > 0 && dot(unread, muted),
        isOnline && el("span", { class: "visually-hidden" }, ", online"),
      ),
    );
  }
}

/** The first line of the newest message. */
export function previewOf({ lastMessage }: StoredRoom, me: number): string {
  if (!lastMessage) return "No messages yet";
  const { fromUser, message } = lastMessage;
  const text = lineOf(message).slice(0, 120).replace(/\s+/g, " ");
  return fromUser.uid === me && typeof message.body === "object" ? `You: ${text}` : text;
}

export function countText(count: number): string {
  return count > COUNT_MAX ? `${COUNT_MAX}+` : String(count);
}

function dot(unread: number, muted: boolean): HTMLElement {
  const said = el("span", { class: "visually-hidden" }, unread === 1 ? " unread message" : " unread messages");
  return el("span", { class: muted ? "dot quiet-dot" : "dot" }, countText(unread), said);
}

function sign(name: "pinned" | "muted"): HTMLElement {
  return el("span", { class: "room-sign" }, icon(name, name));
}
