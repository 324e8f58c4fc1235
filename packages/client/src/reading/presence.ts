import { ActiveStatus, type OnlineChange, type PushData } from "@parley/protocol/events";
import { later } from "../lib/timers.ts";

/** Somebody's state: `activeStatus` 1 online, 2 offline; `lastOptTime` says since when, null if that is unknown. */
export interface PresentState {
  readonly uid: number;
  readonly activeStatus: OnlineChange["activeStatus"];
  readonly lastOptTime: number | null;
}

/** Everything that is known, for another tab. */
export interface WholePresence {
  readonly states: readonly PresentState[];
  readonly onlineNum: number | undefined;
}

/** `request`: the number of the request that said so; 0: it was pushed. `connection`: the number of the connection during which it came. */
interface Known {
  readonly state: PresentState;
  readonly request: number;
  readonly connection: number;
}

export interface PresenceParts {
  /** People whose states have changed, or the number of people online has. */
  readonly onChange: (uids: readonly number[]) => void;
  /** Everything that a connection tells at its beginning has come. */
  readonly onWhole: () => void;
  /** `GET /presence` for at most 500 people. */
  readonly ask: (uids: readonly number[]) => Promise<unknown>;
}

const ASKED_AT_ONCE = 500;
/** By then a node that had not heard of somebody's connection has heard of it. */
const DOUBT_MS = 5_000;

/**
 * Which people are online, as far as the client knows from the connection, from the tab that has it, and from replies. A connection tells
 * everything anew at its beginning; what an earlier one said is valid until then.
 */
export class Presence {
  readonly #parts: PresenceParts;
  readonly #known = new Map<number, Known>();
  #onlineNum: number | undefined;
  #connection = 0;
  #requests = 0;
  /** People of whom a reply has said something else than the connection. They are asked for again. */
  #doubted: number[] = [];
  /** The connection has begun, and has not told everything yet. */
  #isBeginning = false;

  constructor(parts: PresenceParts) {
    this.#parts = parts;
  }

  /** How many people are online in all; undefined before the server has said so. */
  get onlineNum(): number | undefined {
    return this.#onlineNum;
  }

  isOnline(uid: number): boolean {
    return this.of(uid)?.activeStatus === ActiveStatus.online;
  }

  /** Undefined: nothing is known, for example about people with whom the user shares no small room. */
  of(uid: number): PresentState | undefined {
    return this.#known.get(uid)?.state;
  }

  /**
   * Asks the server about these people: for transports that poll, which are not told, and for people about whom nothing is known.
   * @throws ParleyError
   */
  async ask(uids: readonly number[]): Promise<void> {
    for (let at = 0; at < uids.length; at += ASKED_AT_ONCE) await this.#parts.ask(uids.slice(at, at + ASKED_AT_ONCE));
  }

  /** A request is made whose reply may contain people's states. @returns what `learn` wants */
  asking(): number {
    this.#requests += 1;
    return this.#requests;
  }

  /** What a reply says. */
  learn(request: number, said: { states: readonly PresentState[]; onlineNum?: number | undefined }): void {
    this.#tell(
      said.states.filter((state) => this.#take(state, request)),
      said.onlineNum,
    );
  }

  /** Another user reads from now on. */
  clear(): void {
    this.#known.clear();
    this.#onlineNum = undefined;
  }

  /** A connection has begun. */
  begin(): void {
    this.#connection += 1;
    this.#isBeginning = true;
  }

  pushed({ changeList, onlineNum, complete }: PushData[5]): void {
    const changed: { uid: number }[] = changeList.filter((state) => this.#take(state, 0));
    const isEnd = complete !== undefined && this.#isBeginning;
    if (isEnd) changed.push(...this.#end(complete));
    this.#tell(changed, onlineNum);
    if (isEnd) this.#parts.onWhole();
  }

  get whole(): WholePresence {
    return { states: [...this.#known.values()].map(({ state }) => state), onlineNum: this.#onlineNum };
  }

  /** What another tab knows replaces what this one knows. */
  replace({ states, onlineNum }: WholePresence): void {
    const before = this.whole.states;
    this.#known.clear();
    this.#connection += 1;
    for (const state of states) this.#take(state, 0);
    this.#tell([...before, ...states], onlineNum);
  }

  /** Nobody else is online, or the others have to be asked for. */
  #end(isComplete: boolean): PresentState[] {
    this.#isBeginning = false;
    const isOld = (uid: number) => this.#known.get(uid)?.connection !== this.#connection;
    const wereOnline = this.whole.states.filter(({ uid }) => this.isOnline(uid) && isOld(uid));
    for (const { uid } of wereOnline) {
      this.#known.delete(uid);
      if (isComplete) this.#take({ uid, activeStatus: ActiveStatus.offline, lastOptTime: null }, 0);
    }
    // States that cannot be had stay unknown.
    if (!isComplete) this.ask(wereOnline.map(({ uid }) => uid)).catch(() => {});
    return wereOnline;
  }

  /**
   * A push and a reply travel separately, and so do two replies. Anything overrides what an earlier connection said. A push overrides what a reply said:
   * another node may have answered, which knew less, and if something has changed since, another push follows. So a reply overrides a push only if it is
   * newer, and is doubted if it says something else.
   * @returns whether it is news
   */
  #take({ uid, activeStatus, lastOptTime }: PresentState, request: number): boolean {
    const known = this.#known.get(uid);
    const isOther = known?.state.activeStatus !== activeStatus;
    if (known?.connection === this.#connection) {
      const { state, request: before } = known;
      const isOlder =
        before > 0
          ? request > 0 && request < before
          : (lastOptTime ?? 0) < (state.lastOptTime ?? 0) + Math.min(request, 1);
      if (isOlder) return false;
      const isDoubtful = request > 0 && before === 0 && isOther;
      if (isDoubtful && this.#doubted.push(uid) === 1)
        later(DOUBT_MS, () => this.ask(this.#doubted.splice(0)).catch(() => {}));
    }
    this.#known.set(uid, { state: { uid, activeStatus, lastOptTime }, request, connection: this.#connection });
    return isOther || known.state.lastOptTime !== lastOptTime;
  }

  #tell(changed: readonly { uid: number }[], onlineNum: number | undefined): void {
    const isNew = onlineNum !== undefined && onlineNum !== this.#onlineNum;
    if (isNew) this.#onlineNum = onlineNum;
    if (changed.length > 0 || isNew) this.#parts.onChange([...new Set(changed.map(({ uid }) => uid))]);
  }
}
