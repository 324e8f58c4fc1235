import type { Person } from "./harness.ts";
import type { SeenFrame } from "./live-client.ts";

/** All messages of a room, oldest first, as the history's pages give them. */
export async function historyOf(person: Person, roomId: number): Promise<NonNullable<SeenFrame["data"]>[]> {
  const messages: SeenFrame["data"][] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
    const page: { items: SeenFrame["data"][]; nextCursor: string | null } = await person.api.ok(
      "GET",
      `/rooms/${roomId}/messages?limit=100${query}`,
    );
    messages.unshift(...page.items);
    cursor = page.nextCursor;
  }
  return messages;
}
