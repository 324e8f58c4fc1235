import type { Client, ClientState } from "@parley/client";
import { showAccount } from "./account-dialog.ts";
import { logo } from "./brand.ts";
import { composer } from "./composer.ts";
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
  /** Of this login; runs for as long as the hall is shown. */
  readonly client: Client;
  readonly login: StoredLogin;
  /** The person wants out. */
  readonly signOut: () => void;
  /** The person has deleted their account. */
  readonly deleted: () => void;
}

/** The hall: everybody's messages as they come, and a box to write in. */
export function hallView({ client, login, signOut, deleted }: HallViewParts): View {
  let drawing = false;
  let unseen = 0;
  let toldUntil: ReturnType<typeof setTimeout> | undefined;
  const removed = new AbortController();

  const hall = new Hall({ client, login, changed, arrived, tell });
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
  const missing = el("p", { class: "told" }, "This server has no hall. Its other rooms are there by the API.");
  missing.hidden = true;
  const node = el(
    "main",
    { class: "hall" },
    el(
      "header",
      { class: "bar" },
      el("div", { class: "room" }, logo(), el("div", {}, el("h1", {}, "Hall"), state)),
      el("span", { class: "me", title: `Signed in as ${login.name}` }, login.name),
      el("button", { type: "button", class: "secondary", onclick: openAccount }, "Account"),
      el("button", { type: "button", class: "secondary", onclick: signOut }, "Sign out"),
    ),
    log.node,
    told,
    missing,
    box.node,
  );

  function openAccount(): void {
    showAccount(node, { client, deleted });
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
    missing.hidden = !hall.isMissing;
    box.node.hidden = hall.isMissing;
    node.dataset.status = client.state.kind;
    state.textContent = stateText(client.state, hall.online);
    log.render(hall.messages, {
      me: login.uid,
      now: hall.now,
      nameOf: (uid) => hall.people.nameOf(uid),
      canRecall: (message) => hall.canRecall(message),
      hasOlder: hall.hasOlder,
      loaded: hall.loaded,
    });
    if (log.atEnd && document.hasFocus()) void hall.read();
  }

  function arrived(): void {
    if (!document.hidden) return;
    unseen += 1;
    document.title = `(${unseen}) ${TITLE}`;
  }

  function seen(): void {
    if (document.hidden) return;
    unseen = 0;
    document.title = TITLE;
    changed();
  }

  client.on("state", changed);
  const tick = setInterval(changed, TICK_MS);
  document.addEventListener("visibilitychange", seen, { signal: removed.signal });
  addEventListener("focus", seen, { signal: removed.signal });
  changed();

  return {
    node,
    shown: () => {
      client.start();
      // On a phone this would open the keyboard over half of the messages.
      if (matchMedia("(hover: hover)").matches) box.focus();
    },
    removed: () => {
      removed.abort();
      client.stop();
      clearInterval(tick);
      clearTimeout(toldUntil);
      hall.stop();
      log.stop();
      document.title = TITLE;
    },
  };
}

function stateText(state: ClientState, online: number | undefined): string {
  if (state.kind === "live") return online === undefined ? "Connected" : `${online} online`;
  if (state.kind === "waiting") return "Reconnecting…";
  if (state.kind === "stopped" && state.why === "replaced") return "Paused: open in too many windows";
  return "Connecting…";
}
