import { createApi } from "./api.ts";
import { logo } from "./brand.ts";
import { composer } from "./composer.ts";
import type { ConnectionStatus } from "./connection.ts";
import { el } from "./dom.ts";
import { Hall } from "./hall.ts";
import { MessageLog } from "./message-log.ts";
import type { StoredLogin } from "./stored-login.ts";
import type { View } from "./view.ts";

const TITLE = "Parley";
/** How long a problem stays on the page. */
const TOLD_MS = 8_000;
/** How often what depends on the time is looked at: until when a message can be recalled, which day is today. */
const TICK_MS = 5_000;

export interface HallViewParts {
  readonly login: StoredLogin;
  /** The person wants out. */
  readonly signOut: () => void;
  /** The login does not hold any more. */
  readonly signedOut: () => void;
}

/** The hall: everybody's messages as they come, and a box to write in. */
export function hallView({ login, signOut, signedOut }: HallViewParts): View {
  let status: ConnectionStatus = "connecting";
  let drawing = false;
  let unseen = 0;
  let toldUntil: ReturnType<typeof setTimeout> | undefined;

  const hall = new Hall({ api: createApi(login.token), login, changed, tell, signedOut });
  const log = new MessageLog({
    actions: {
      recall: (id) => void hall.recall(id),
      sendAgain: (clientId) => void hall.sendAgain(clientId),
      discard: (clientId) => hall.discard(clientId),
    },
    showOlder: () => void hall.loadOlder(),
  });
  const box = composer((text) => {
    void hall.send(text);
    log.scrollToEnd();
  });
  const state = el("p", { class: "state", role: "status" });
  const told = el("p", { class: "told", role: "alert" });
  told.hidden = true;
  const node = el(
    "main",
    { class: "hall" },
    el(
      "header",
      { class: "bar" },
      el("div", { class: "room" }, logo(), el("div", {}, el("h1", {}, "Hall"), state)),
      el("span", { class: "me", title: `Signed in as ${login.name}` }, login.name),
      el("button", { type: "button", class: "secondary", onclick: signOut }, "Sign out"),
    ),
    log.node,
    told,
    box.node,
  );

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
      draw();
    });
  }

  function draw(): void {
    node.dataset.status = status;
    state.textContent = stateText(status, hall.online);
    log.render(hall.messages, {
      me: login.uid,
      now: Date.now(),
      nameOf: (uid) => hall.people.nameOf(uid),
      canRecall: (message) => hall.canRecall(message),
      hasOlder: hall.hasOlder,
      loaded: hall.loaded,
    });
    if (log.atEnd && document.hasFocus()) void hall.read();
  }

  function seen(): void {
    if (document.hidden) return;
    unseen = 0;
    document.title = TITLE;
    changed();
  }

  const tick = setInterval(changed, TICK_MS);
  const removed = new AbortController();
  document.addEventListener("visibilitychange", seen, { signal: removed.signal });
  addEventListener("focus", seen, { signal: removed.signal });
  changed();

  return {
    node,
    shown: () => {
      // On a phone this would open the keyboard over half of the messages.
      if (matchMedia("(hover: hover)").matches) box.focus();
    },
    onStatus: (next) => {
      status = next;
      changed();
    },
    onFresh: () => void hall.load(),
    onFrame: (frame) => {
      const isNew = hall.onFrame(frame);
      if (!isNew || !document.hidden) return;
      unseen += 1;
      document.title = `(${unseen}) ${TITLE}`;
    },
    removed: () => {
      removed.abort();
      clearInterval(tick);
      clearTimeout(toldUntil);
      hall.stop();
      log.stop();
      document.title = TITLE;
    },
  };
}

function stateText(status: ConnectionStatus, online: number | undefined): string {
  if (status === "live") return online === undefined ? "Connected" : `${online} online`;
  if (status === "connecting") return "Connecting…";
  if (status === "paused") return "Paused: open in too many windows";
  return "Reconnecting…";
}
