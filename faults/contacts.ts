import type { Claim, Tried } from "./commands.ts";
import { keyOf } from "./log-changes.ts";
import { Paced } from "./paced.ts";
import type { Person } from "./people.ts";
import type { Random } from "./random.ts";
import type { Asking, World } from "./world.ts";

const WORKERS = 4;
const PER_SECOND = 3;
/** How many pairs one worker has at a time. */
const ACTIVE = 15;

/** How two people stand to each other, as far as their worker knows. */
type Tie = { readonly kind: "none" | "friends" | "unknown" } | OpenTie;

interface OpenTie {
  readonly kind: "open";
  readonly from: Person;
  readonly to: Person;
  readonly id: number;
}

interface Pair {
  readonly one: Person;
  readonly other: Person;
  tie: Tie;
  /** Neither may ask the other for a day. */
  isOver: boolean;
}

const UNKNOWN: Tie = { kind: "unknown" };
const NONE: Tie = { kind: "none" };
const FRIENDS: Tie = { kind: "friends" };

/** Pairs of readers who ask each other to be friends, accept, reject, withdraw, end it, and begin again. */
export class Contacts {
  readonly #parts: Asking;
  readonly #pairs: readonly Pair[];
  readonly #paces: Paced[] = [];
  readonly #random: Random;
  readonly counts = { requests: 0, friendships: 0, refused: 0 };
  #remarks = 0;

  constructor(parts: Asking & { world: World; random: Random }) {
    const { world, random } = parts;
    this.#parts = parts;
    this.#random = random;
    const all = world.readers.flatMap((one, i) =>
      world.readers.slice(i + 1).map((other) => ({ one, other, tie: NONE, isOver: false })),
    );
    this.#pairs = random.of("pairs").some(all, all.length);
  }

  async run(): Promise<void> {
    const workers = Array.from({ length: WORKERS }, (_, i) => {
      const waiting = this.#pairs.filter((_, at) => at % WORKERS === i);
      const active = waiting.splice(0, ACTIVE);
      const random = this.#random.of(`contacts ${i}`);
      const pace = new Paced(PER_SECOND);
      this.#paces.push(pace);
      return pace.each(async () => {
        const at = random.between(0, ACTIVE - 1);
        const pair = active[at];
        if (!pair) return;
        await this.#act(pair, random);
        const next = pair.isOver ? waiting.shift() : undefined;
        if (next) active[at] = next;
      });
    });
    await Promise.all(workers);
  }

  end(): void {
    for (const pace of this.#paces) pace.end();
  }

  async #act(pair: Pair, random: Random): Promise<void> {
    const [share, isTurned] = [random.next(), random.chance(0.5)];
    const [one, other] = isTurned ? [pair.other, pair.one] : [pair.one, pair.other];
    const { tie } = pair;
    if (tie.kind === "open") return this.#actOnRequest(pair, tie, share);
    if (tie.kind === "unknown") {
      await this.#remove(pair, one, other, "is so");
      await this.#ask(pair, one, other);
    } else if (tie.kind === "none") {
      if (share < 0.8) await this.#ask(pair, one, other);
      else await this.#askEachOther(pair);
    } else if (share < 0.5) await this.#remark(one, other);
    else await this.#remove(pair, one, other, "event");
  }

  async #actOnRequest(pair: Pair, tie: OpenTie, share: number): Promise<void> {
    if (share < 0.35) await this.#answer(pair, tie, "accepted");
    else if (share < 0.45) await this.#answer(pair, tie, "rejected");
    else if (share < 0.65) await this.#withdraw(pair, tie);
    else if (share < 0.8) await this.#ask(pair, tie.to, tie.from);
    else if (share < 0.9) await this.#ask(pair, tie.from, tie.to);
    else await this.#parts.requests.ask(tie.to, "PUT", "/friend-requests/read", { upTo: tie.id });
  }

  /** Both ask at once: one of them has then asked, and the other accepts. */
  async #askEachOther(pair: Pair): Promise<void> {
    const { one, other } = pair;
    await Promise.all([this.#ask(pair, one, other), this.#ask(pair, other, one)]);
    if (pair.tie.kind !== "friends") pair.tie = UNKNOWN;
  }

  async #ask(pair: Pair, from: Person, to: Person): Promise<void> {
    const before = pair.tie;
    pair.tie = UNKNOWN;
    const asked = this.#parts.requests.ask(from, "POST", "/friend-requests", { userId: to.uid, text: "hello" });
    const [mine, theirs] = [keyOf.request(from.uid, to.uid), keyOf.request(to.uid, from.uid)];
    const accepted = [
      { key: theirs, value: "accepted" },
      { key: keyOf.friendship(from.uid, to.uid), value: "yes" },
    ];
    const isOpen = { key: mine, value: "open" };
    const answer = await this.#book(asked, (_, { status, tries, body }) => {
      if (status === 201) return claims([isOpen], "event");
      // It does not matter which of several tries was accepted: the friendship began with one of them.
      if (body.state === "accepted") return claims(accepted, "event");
      if (body.state === "open") return claims([isOpen], tries === 1 ? "was so" : "is so");
      return claims([isOpen, ...accepted], "event");
    });
    const { status, tries, body } = answer;
    if (body.code === "request_rejected") pair.isOver = true;
    if (status === 201) this.counts.requests += 1;
    if (body.state === "accepted") this.counts.friendships += 1;
    // If both have asked at once, the answer that says more counts.
    if (pair.tie.kind === "friends") return;
    if (body.state === "accepted") pair.tie = FRIENDS;
    else if (body.state === "open") pair.tie = { kind: "open", from, to, id: Number(body.id) };
    else if (tries === 1) pair.tie = before;
  }

  async #answer(pair: Pair, { from, to, id }: OpenTie, value: "accepted" | "rejected"): Promise<void> {
    const verb = value === "accepted" ? "accept" : "reject";
    const asked = this.#parts.requests.ask(to, "POST", `/friend-requests/${id}/${verb}`);
    const friends = value === "accepted" ? [{ key: keyOf.friendship(from.uid, to.uid), value: "yes" }] : [];
    const all = [{ key: keyOf.request(from.uid, to.uid), value }, ...friends];
    const { status, tries } = await this.#book(asked, () => claims(all, "event"));
    if (status === 200 && value === "accepted") this.counts.friendships += 1;
    if (status === 200) pair.tie = value === "accepted" ? FRIENDS : NONE;
    else if (tries > 1) pair.tie = UNKNOWN;
  }

  async #withdraw(pair: Pair, { from, to, id }: OpenTie): Promise<void> {
    const asked = this.#parts.requests.ask(from, "DELETE", `/friend-requests/${id}`);
    const all = [{ key: keyOf.request(from.uid, to.uid), value: "withdrawn" }];
    const { status, tries } = await this.#book(asked, () => claims(all, "event"));
    if (status === 204) pair.tie = NONE;
    else if (tries > 1) pair.tie = UNKNOWN;
  }

  async #remove(pair: Pair, one: Person, other: Person, proof: Claim["proof"]): Promise<void> {
    const asked = this.#parts.requests.ask(one, "DELETE", `/friends/${other.uid}`);
    const all = [{ key: keyOf.friendship(one.uid, other.uid), value: "no" }];
    const { status, tries } = await this.#book(asked, () => claims(all, proof));
    if (status !== 204 && tries > 1) pair.tie = UNKNOWN;
    else if (status === 204 && pair.tie.kind === "friends") pair.tie = NONE;
  }

  async #remark(one: Person, other: Person): Promise<void> {
    // No two are the same, so each makes an event.
    const remark = `friend ${this.#remarks++}`;
    const asked = this.#parts.requests.ask(one, "PATCH", `/friends/${other.uid}`, { remark });
    await this.#book(asked, () => claims([{ key: keyOf.remark(one.uid, other.uid), value: remark }], "event"));
  }

  async #book(asked: Promise<Tried>, made: (body: Tried["body"], answer: Tried) => Claim[]): Promise<Tried> {
    const answer = await this.#parts.book.commands.book(asked, made);
    if (answer.status >= 400) this.counts.refused += 1;
    return answer;
  }
}

function claims(all: readonly Omit<Claim, "proof">[], proof: Claim["proof"]): Claim[] {
  return all.map((one) => ({ ...one, proof }));
}
