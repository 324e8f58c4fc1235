import { storageArea } from "./stored-login.ts";

/** What somebody has written for a room and not sent. */
export interface Draft {
  readonly uid: number;
  readonly roomId: number;
  readonly text: string;
}

const KEY = "parley.drafts";
/** Of all people who write in this browser together: browsers keep a few megabytes for a page. */
const MOST_DRAFTS = 100;
const MOST_CHARACTERS = 200_000;
/** Far more than a message may have, and few enough that one draft takes the place of no more than a few others. */
const LONGEST = 50_000;

/** Drafts that the browser does not keep stay for as long as the page lives. */
const unstored = new Map<string, string>();

/** Pure. The newest draft is the last one; the oldest go where there is no room for all. */
export function withDraft(drafts: readonly Draft[], { uid, roomId, text }: Draft): Draft[] {
  const kept = drafts.filter((one) => one.uid !== uid || one.roomId !== roomId);
  if (text.trim() !== "" && text.length <= LONGEST) kept.push({ uid, roomId, text });
  let characters = kept.reduce((sum, one) => sum + one.text.length, 0);
  while (kept.length > MOST_DRAFTS || characters > MOST_CHARACTERS) characters -= kept.shift()?.text.length ?? 0;
  return kept;
}

/** A person's drafts, which outlive the page and the login: somebody who is signed out in the middle of a sentence goes on where they were. */
export class Drafts {
  readonly #uid: number;

  constructor(uid: number) {
    this.#uid = uid;
  }

  read(roomId: number): string {
    const stored = readAll().find((one) => one.uid === this.#uid && one.roomId === roomId);
    return unstored.get(this.#key(roomId)) ?? stored?.text ?? "";
  }

  /** Called with each change, since nobody is told before a page ends. */
  write(roomId: number, text: string): void {
    const key = this.#key(roomId);
    const drafts = withDraft(readAll(), { uid: this.#uid, roomId, text });
    const isKept = text.trim() === "" || drafts.at(-1)?.text === text;
    if (writeAll(drafts) && isKept) unstored.delete(key);
    else unstored.set(key, text);
  }

  /** The account is gone. */
  forget(): void {
    unstored.clear();
    writeAll(readAll().filter(({ uid }) => uid !== this.#uid));
  }

  #key(roomId: number): string {
    return `${this.#uid} ${roomId}`;
  }
}

function readAll(): Draft[] {
  try {
    const all: unknown = JSON.parse(storageArea()?.getItem(KEY) ?? "[]");
    return Array.isArray(all) ? all.filter(isDraft) : [];
  } catch {
    return [];
  }
}

function isDraft(one: Partial<Draft> | null): one is Draft {
  return typeof one?.uid === "number" && typeof one.roomId === "number" && typeof one.text === "string";
}

/** @returns whether the browser keeps them */
function writeAll(drafts: readonly Draft[]): boolean {
  const area = storageArea();
  try {
    if (drafts.length > 0) area?.setItem(KEY, JSON.stringify(drafts));
    else area?.removeItem(KEY);
    return area !== undefined;
  } catch {
    return false;
  }
}
