import type { Client } from "@parley/client";
import { LIMITS } from "@parley/protocol";
import { openDialog } from "./dialog.ts";
import { el } from "./dom.ts";
import { lengthHint, showLength } from "./length-hint.ts";
import { peoplePicker } from "./people-picker.ts";

/** One person is written to directly; several, or a name, make a group. */
export function showNewRoom(
  page: Element,
  { client, me, made }: { client: Client; me: number; made: (roomId: number) => void },
): void {
  openDialog(page, {
    title: "New conversation",
    content: (dialog) => {
      const name = el("input", {
        id: "room-name",
        autocomplete: "off",
        "aria-describedby": "room-name-left",
        oninput: changed,
      });
      const left = lengthHint("room-name-left");
      const start = el("button", { type: "submit", class: "primary wide", disabled: true }, "Start");
      const picker = peoplePicker(client, { not: [me], changed });

      function isDirect(): boolean {
        return picker.picked.length === 1 && name.value.trim() === "";
      }

      function changed(): void {
        const { isEmpty, isOver } = showLength(left, name.value, LIMITS.roomNameCodePoints);
        start.disabled = isOver || (picker.picked.length === 0 && isEmpty);
        const [first] = picker.picked;
        start.textContent = isDirect() ? `Write to ${first?.name}` : "Create group";
      }

      async function make(): Promise<void> {
        const [first] = picker.picked;
        const memberIds = picker.picked.map(({ uid }) => uid);
        const body = { name: name.value.trim() || null, memberIds };
        const room =
          isDirect() && first
            ? await client.request("POST /rooms/direct", { body: { userId: first.uid } })
            : await client.request("POST /rooms", { body });
        dialog.close();
        made(room.id);
      }

      const onsubmit = (event: Event) => {
        event.preventDefault();
        if (!start.disabled) void dialog.run(make);
      };
      return [
        el(
          "form",
          { class: "sign-in", method: "post", onsubmit },
          el("h2", {}, "New conversation"),
          picker.node,
          el("label", { for: "room-name" }, "Group name (optional)"),
          name,
          left,
          start,
        ),
      ];
    },
  });
}
