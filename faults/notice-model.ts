/** What one event of a notification says to the people who have it in their list: this content, or that it has left the list. */
export type NoticeSaid = { readonly text: string; readonly done: boolean } | "removed";

/** A notification that was sent, with every event that it has to make, by stream and in order. */
export interface NoticeAsked {
  readonly id: number;
  /** Its title, which is also its key; no two have the same. */
  readonly ref: string;
  readonly kind: string;
  readonly toAll: boolean;
  readonly collapseKey: string | null;
  readonly told: Readonly<Record<string, readonly NoticeSaid[]>>;
}

interface Sent extends NoticeAsked {
  readonly told: Record<string, NoticeSaid[]>;
  text: string;
  done: boolean;
}

/**
 * The expected outcome of the notifications of one sender, who does one thing after the other and repeats each until it is answered. It is worked
 * out only from what was asked.
 */
export class NoticeModel {
  readonly all: Sent[] = [];
  /** By stream and key: the newest one with this `collapseKey`. */
  readonly #newest = new Map<string, Sent>();

  sent(
    notice: Pick<NoticeAsked, "id" | "ref" | "kind" | "toAll" | "collapseKey">,
    what: { streams: readonly string[]; text: string },
  ): Sent {
    const { streams, text } = what;
    const told = Object.fromEntries(streams.map((stream) => [stream, [{ text, done: false }]]));
    const sent: Sent = { ...notice, told, text, done: false };
    this.all.push(sent);
    if (notice.collapseKey === null) return sent;
    for (const stream of streams) {
      const earlier = this.#newest.get(`${stream} ${notice.collapseKey}`);
      if (earlier && isListed(earlier, stream)) earlier.told[stream]?.push("removed");
      this.#newest.set(`${stream} ${notice.collapseKey}`, sent);
    }
    return sent;
  }

  changed(notice: Sent, change: { text?: string; done?: true }): void {
    Object.assign(notice, change);
    const { text, done } = notice;
    for (const stream of listsOf(notice)) notice.told[stream]?.push({ text, done });
  }

  takenBack(notice: Sent): void {
    for (const stream of listsOf(notice)) notice.told[stream]?.push("removed");
  }
}

export type { Sent as SentNotice };

/** The people whose lists it is in. */
export function listsOf({ told }: NoticeAsked): string[] {
  return Object.keys(told).filter((stream) => isListed({ told }, stream));
}

function isListed({ told }: Pick<NoticeAsked, "told">, stream: string): boolean {
  return told[stream] !== undefined && told[stream].at(-1) !== "removed";
}
