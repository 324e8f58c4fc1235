import type { Client, ClientState } from "@parley/client";
import { createStore, type StoredRoom } from "@parley/client/store";
import { HALL_ROOM_ID } from "@parley/protocol/streams";
import { showAccount } from "./account-dialog.ts";
import { logo } from "./brand.ts";
import { composer } from "./composer.ts";
import { Conversation } from "./conversation.ts";
import { el } from "./dom.ts";
import { dotButton } from "./dot-button.ts";
import { Drafts } from "./drafts.ts";
import { showFriends } from "./friends-dialog.ts";
import { MessageLog } from "./message-log.ts";
import { Names } from "./names.ts";
import { showNewRoom } from "./new-room-dialog.ts";
import { showNotifications } from "./notifications-dialog.ts";
import { Outgoing } from "./outgoing.ts";
import { showRoom } from "./room-dialog.ts";
import { countText, RoomList } from "./room-list.ts";
import type { StoredLogin } from "./stored-login.ts";
import { Typing } from "./typing.ts";
import type { View } from "./view.ts";

const TITLE = "Parley";
/** How long a problem stays on the page. */
const TOLD_MS = 8_000;
/** How often what depends on the time is looked at: until when a message can be recalled, which day is today. */
const TICK_MS = 5_000;
/** Messages of the open room that stay in the page. */
const MESSAGES_KEPT = 400;

export interface ChatViewParts {
  /** Of this login; runs for as long as the rooms are shown. */
  readonly client: Client;
  readonly login: StoredLogin;
  /** The person wants out. */
  readonly signOut: () => void;
  /** The person has deleted their account. */
  readonly deleted: () => void;
}

/** The person's rooms, and one of them open. On a narrow screen it is one or the other. */
export function chatView({ client, login, signOut, deleted }: ChatViewParts): View {
  const removed = new AbortController();
  const store = createStore(client, { messagesKept: MESSAGES_KEPT });
  const names = new Names(store);
  const outgoing = new Outgoing();
  const typing = new Typing(client, changed);
  const drafts = new Drafts(login.uid);
  let drawing = false;
  let clockAheadMs = 0;
  let toldUntil: ReturnType<typeof setTimeout> | undefined;
  let open: Conversation | undefined;
  /** A room that was made here and is not in the list yet. */
  let awaited: number | undefined;

  const now = () => Date.now() + clockAheadMs;
  const list = new RoomList((roomId) => show(roomId));
  const log = new MessageLog({
    actions: {
      recall: (id) => void open?.recall(id),
      reply: (quote) => box.reply(quote),
      mark: (id, mark, isMine) => void open?.mark(id, mark, isMine),
      goTo: (id) => void (log.goTo(id) || open?.around(id)),
      sendAgain: (clientId) => void open?.sendAgain(clientId),
      discard: (clientId) => open?.discard(clientId),
    },
    showOlder: () => open?.older(),
    showNewer: () => open?.newer(),
    showNewest: () => open?.newest(),
  });
  const box = composer({
    send(text, quote) {
      if (open?.window.hasNewer) open.newest();
      void open?.send(text, quote);
      log.scrollToEnd();
    },
    typing: () => open?.typing(),
    drafts,
    names: () => [...(open?.canMentionAll ? ["all"] : []), ...(open?.people().map(({ name }) => name) ?? [])],
  });
  const title = el("h1", { dir: "auto" });
  const state = el("p", { class: "state", role: "status" });
  const typists = el("p", { class: "typists", "aria-live": "polite", dir: "auto" });
  const told = el("p", { class: "told", role: "alert" });
  const missing = el("p", { class: "told" });
  const back = el("button", { type: "button", class: "secondary back", onclick: showList }, "Rooms");
  const about = el("button", { type: "button", class: "secondary about", onclick: openRoom }, "About");
  told.hidden = true;
  missing.hidden = true;
  const me = el("span", { class: "me", title: `Signed in as ${login.name}` }, login.name);
  const friends = dotButton("Friends", openFriends);
  const notifications = dotButton("Notifications", () => showNotifications(node, { client, store }));
  const side = el(
    "aside",
    { class: "side" },
    el("header", { class: "bar" }, logo(), me, ...sideButtons()),
    el(
      "div",
      { class: "side-acts" },
      el("button", { type: "button", class: "primary wide", onclick: openNew }, "New conversation"),
      friends.node,
      notifications.node,
    ),
    list.node,
  );
  const room = el(
    "section",
    { class: "room-pane", "aria-label": "Conversation" },
    el("header", { class: "bar" }, back, el("div", { class: "room" }, el("div", {}, title, state)), about),
    log.node,
    typists,
    told,
    missing,
    box.node,
  );
  const node = el("main", { class: "chat", "data-pane": "room" }, side, room);

  function sideButtons(): HTMLElement[] {
    const button = (label: string, onclick: () => void) =>
      el("button", { type: "button", class: "secondary", onclick }, label);
    return [button("Account", () => showAccount(node, { client, deleted: gone })), button("Sign out", signOut)];
  }

  function gone(): void {
    drafts.forget();
    deleted();
  }

  function openNew(): void {
    showNewRoom(node, { client, me: login.uid, made: show });
  }

  function openFriends(): void {
    const opened = (roomId: number) => {
      node.querySelector("dialog")?.close();
      show(roomId);
    };
    showFriends(node, { client, store, me: login.uid, opened });
  }

  function openRoom(): void {
    if (!open) return;
    const opened = (roomId: number) => {
      node.querySelector("dialog")?.close();
      show(roomId);
    };
    showRoom(node, { client, store, roomId: open.roomId, me: login.uid, opened });
  }

  function showList(): void {
    node.dataset.pane = "list";
    list.node.querySelector<HTMLElement>("[aria-current], button")?.focus();
    changed();
  }

  /** A room that is not in the list yet is shown when it is. */
  function show(roomId: number): void {
    node.dataset.pane = "room";
    if (open?.roomId === roomId) return focusBox();
    awaited = store.room(roomId).getSnapshot() ? undefined : roomId;
    if (awaited !== undefined) return;
    begin(roomId);
    focusBox();
  }

  function begin(roomId: number): void {
    open?.stop();
    names.clear();
    open = new Conversation({ client, store, outgoing, names, login, roomId, now, changed, tell });
    log.begin();
    box.begin(roomId);
    changed();
  }

  /** On a phone this would open the keyboard over half of the messages. */
  function focusBox(): void {
    if (matchMedia("(hover: hover)").matches) box.focus();
  }

  function tell(problem: string): void {
    told.textContent = problem;
    told.hidden = false;
    clearTimeout(toldUntil);
    toldUntil = setTimeout(() => {
      told.hidden = true;
    }, TOLD_MS);
  }

  /** Many changes between two pictures of the screen are one drawing. */
  function changed(): void {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      if (!removed.signal.aborted) draw();
    });
  }

  function draw(): void {
    const rooms = store.rooms.getSnapshot();
    choose(rooms);
    node.dataset.status = client.state.kind;
    const isOnline = (uid: number) => store.presence(uid).getSnapshot()?.activeStatus === 1;
    list.render(rooms, { open: open?.roomId, me: login.uid, now: now(), isOnline });
    const news = rooms.filter(({ muted, id }) => !muted && id !== open?.roomId);
    const unread = news.reduce((sum, line) => sum + line.unread, 0);
    back.textContent = unread > 0 ? `Rooms (${countText(unread)})` : "Rooms";
    const dots = store.unread.getSnapshot();
    friends.count(dots.friendRequests);
    notifications.count(dots.notifications);
    const here = open?.room;
    document.title = titleOf(rooms);
    title.textContent = here?.name ?? TITLE;
    state.classList.toggle("away", !!here?.userId && !isOnline(here.userId));
    state.textContent = stateText(client.state, here, { online: store.onlineNum.getSnapshot(), isOnline });
    drawOpen(here);
  }

  function drawOpen(here: StoredRoom | undefined): void {
    const isReady = store.state.getSnapshot() === "ready";
    box.node.hidden = !open || (isReady && !open.canWrite);
    about.hidden = !here?.isListed;
    missing.hidden = !isReady || open?.canWrite === true;
    missing.textContent = whyNot(here);
    if (!open) return;
    const { window, messages } = open;
    const nameOf = (uid: number) => (uid === login.uid ? login.name : names.of(uid));
    const conversation = open;
    log.render(messages, {
      ...{ me: login.uid, now: now(), nameOf, canAnswer: here?.isListed === true, receipts: conversation.receipts },
      ...{ hasOlder: window.hasOlder, hasNewer: window.hasNewer, state: window.state },
      canRecall: (message) => conversation.canRecall(message),
    });
    const writing = typing.in(open.roomId).flatMap((uid) => (uid === login.uid ? [] : (nameOf(uid) ?? [])));
    typists.textContent = typingText(writing);
    const isLooking = log.atEnd && document.hasFocus() && (node.dataset.pane === "room" || isWide());
    if (isLooking) void open.read();
  }

  /** The room to be shown: the one that was made here, the hall, or the first one. */
  function choose(rooms: readonly StoredRoom[]): void {
    if (awaited !== undefined && store.room(awaited).getSnapshot()) {
      const roomId = awaited;
      awaited = undefined;
      begin(roomId);
      focusBox();
    }
    if (open || store.state.getSnapshot() !== "ready") return;
    const first = rooms.find(({ id }) => id === HALL_ROOM_ID) ?? rooms[0];
    if (first) begin(first.id);
  }

  function titleOf(rooms: readonly StoredRoom[]): string {
    const unread = rooms.reduce((sum, line) => sum + (line.muted ? 0 : line.unread), 0);
    return unread > 0 ? `(${countText(unread)}) ${TITLE}` : TITLE;
  }

  client.on("state", changed);
  client.on("ready", ({ serverTime }) => {
    clockAheadMs = serverTime - Date.now();
  });
  const ends = [store.subscribe(changed)];
  const tick = setInterval(changed, TICK_MS);
  document.addEventListener("visibilitychange", changed, { signal: removed.signal });
  addEventListener("focus", changed, { signal: removed.signal });
  changed();

  return {
    node,
    shown: () => {
      client.start();
      focusBox();
    },
    removed: () => {
      removed.abort();
      for (const end of ends) end();
      client.stop();
      store.stop();
      typing.stop();
      open?.stop();
      names.clear();
      clearInterval(tick);
      clearTimeout(toldUntil);
      log.stop();
      document.title = TITLE;
    },
  };
}

/** As the stylesheet has it. */
function isWide(): boolean {
  return matchMedia("(min-width: 48rem)").matches;
}

function whyNot(here: StoredRoom | undefined): string {
  if (!here) return "This server has no hall. Start a conversation or create a group.";
  if (here.dissolvedAt !== null) return "This group was dissolved.";
  if (!here.isListed) return "You are no longer in this group.";
  return "Only the owner and admins can write here.";
}

function typingText(names: readonly string[]): string {
  if (names.length === 0) return "";
  if (names.length > 2) return `${names.length} people are typing…`;
  return `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} typing…`;
}

interface Presences {
  readonly online: number | undefined;
  isOnline(uid: number): boolean;
}

function stateText(state: ClientState, here: StoredRoom | undefined, { online, isOnline }: Presences): string {
  if (state.kind === "waiting") return "Reconnecting…";
  if (state.kind === "stopped" && state.why === "replaced") return "Paused: open in too many windows";
  if (state.kind !== "live") return "Connecting…";
  if (here?.userId) return isOnline(here.userId) ? "Online" : "Not online";
  if (here && here.id !== HALL_ROOM_ID) return `${here.memberCount} ${here.memberCount === 1 ? "member" : "members"}`;
  return online === undefined ? "Connected" : `${online} online`;
}
