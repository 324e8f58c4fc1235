import type { Answer } from "./people.ts";

/** What an answer says about the log. */
export interface Claim {
  /** The subject, such as `role of 20007 in room 5`, in the same words as in `log-changes.ts`. */
  readonly key: string;
  readonly value: string;
  /** `event`: there is an event for it; `is so`: there may be one; `was so`: there is none, since it was so before. */
  readonly proof: "event" | "is so" | "was so";
}

/** A command that was answered, or may have been carried out without an answer. */
export interface Command extends Omit<Claim, "proof"> {
  /** False if it was refused, or never answered. */
  readonly answered: boolean;
  /** The number of events that it proves, and that it may have made in all, counting the tries that had no answer. */
  readonly least: 0 | 1;
  readonly most: number;
  /** It was carried out between these two positions of the log: those of messages sent before and after it. */
  readonly after: number;
  before: number;
}

export interface CommandLedger {
  readonly commands: readonly Command[];
  /** By `<uid> <room>`: the furthest place that was answered. */
  readonly reads: ReadonlyMap<string, number>;
  /** Rooms whose making was answered, and how many may have been made in all. */
  readonly rooms: ReadonlySet<number>;
  readonly mostRooms: number;
  /** Answers that contradict what was asked or answered before. */
  readonly wrongAnswers: readonly string[];
  /** The same of servers that others have to tell first. */
  readonly lateAnswers: readonly LateAnswer[];
}

/** An answer as if something did not hold that had been answered before. */
export interface LateAnswer {
  readonly answer: string;
  /** When that had been answered. */
  readonly from: number;
  readonly askedAt: number;
  readonly node: number;
}

export type Tried = Answer & { readonly tries: number };

/**
 * Everything except sends that people asked the server to do. The id of a message is its place in the log, so the sends around a
 * command show between which places it was carried out, whatever the clocks say.
 */
export class CommandBook implements CommandLedger {
  readonly commands: Command[] = [];
  readonly reads = new Map<string, number>();
  readonly rooms = new Set<number>();
  readonly wrongAnswers: string[] = [];
  readonly lateAnswers: LateAnswer[] = [];
  mostRooms = 0;
  #newest = 0;
  /** Commands that were answered, and for which no later message is known yet. */
  #open: Command[] = [];

  /** @param claims what the answer says, or would have said, worked out from its body */
  async book(ask: Promise<Tried>, claims: (body: Answer["body"], answer: Tried) => readonly Claim[]): Promise<Tried> {
    const after = this.#newest;
    const answer = await ask;
    const { status, tries, body } = answer;
    const answered = status >= 200 && status < 300;
    const refused = status >= 400 && status < 500 && status !== 429;
    for (const { key, value, proof } of claims(body, answer)) {
      const least = answered && proof === "event" ? 1 : 0;
      const most = refused || (answered && proof === "was so") ? tries - 1 : tries;
      const command = { key, value, answered, least, most, after, before: Number.POSITIVE_INFINITY } as const;
      if (!answered && most === 0) continue;
      this.commands.push(command);
      this.#open.push(command);
    }
    return answer;
  }

  /** The reply showed this value, as of the end of the log at `pos`. */
  saw({ key, value }: Omit<Claim, "proof">, pos: number): void {
    this.commands.push({ key, value, answered: true, least: 0, most: 0, after: pos, before: pos + 1 });
  }

  wrong(answer: string): void {
    this.wrongAnswers.push(answer);
  }

  read(uid: number, room: number, seq: number): void {
    const key = `${uid} ${room}`;
    this.reads.set(key, Math.max(seq, this.reads.get(key) ?? 0));
  }

  made(room: number, tries: number): void {
    this.rooms.add(room);
    this.mostRooms += tries;
  }

  /** A message is sent for the first time. @returns a function to call with its id, or without one if the message was not stored */
  sends(): (id: number) => void {
    const before = this.#open.splice(0);
    return (id) => {
      this.#newest = Math.max(this.#newest, id);
      if (id > 0) for (const command of before) command.before = id;
      else this.#open.push(...before);
    };
  }
}
