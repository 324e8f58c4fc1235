import { monotonicMs } from "./monotonic-clock.ts";

/** How long a client was connected to a server without a break, or polled it again and again. Times are those of `monotonic-clock.ts`. */
export interface Span {
  readonly node: number;
  /** False from when it asked: the server may take it for connected, and the answer may not come. */
  readonly isProven: boolean;
  readonly from: number;
  readonly to: number;
}

/** Two polls that follow each other within this time are one span: whoever polls counts as online for longer than that, also on a busy machine. */
const BETWEEN_POLLS_MS = 500;

/** When one client was connected, as its connections showed it. */
export class Spans {
  readonly #spans: OpenSpan[] = [];
  /** The newest one of polls, by node, and of what was asked. */
  readonly #polls = new Map<number, OpenSpan>();
  readonly #asked = new Map<number, OpenSpan>();

  /** Something was asked that the server may take for a connection. @returns what ends the span */
  asks(node: number): () => void {
    const from = monotonicMs();
    const last = this.#asked.get(node);
    const span =
      last && from - last.to <= BETWEEN_POLLS_MS ? last : this.#add({ node, isProven: false, from, to: from, open: 0 });
    this.#asked.set(node, span);
    return opened(span);
  }

  /** A connection has begun. @returns what ends the span */
  begin(node: number): () => void {
    const from = monotonicMs();
    return opened(this.#add({ node, isProven: true, from, to: from, open: 0 }));
  }

  /** A poll was answered. */
  polled(node: number, from: number, to = monotonicMs()): void {
    const last = this.#polls.get(node);
    if (last && from - last.to <= BETWEEN_POLLS_MS) last.to = Math.max(last.to, to);
    else this.#polls.set(node, this.#add({ node, isProven: true, from, to, open: 0 }));
  }

  /** The servers that may take the client for connected at the moment. */
  get nodes(): Set<number> {
    return new Set(this.#spans.filter(({ open }) => open > 0).map(({ node }) => node));
  }

  /** Those that go on end now. */
  get all(): Span[] {
    const now = monotonicMs();
    return this.#spans.map(({ open, to, ...span }) => ({ ...span, to: open > 0 ? now : to }));
  }

  #add(span: OpenSpan): OpenSpan {
    this.#spans.push(span);
    return span;
  }
}

interface OpenSpan {
  readonly node: number;
  readonly isProven: boolean;
  readonly from: number;
  to: number;
  /** How much of it has not ended. */
  open: number;
}

/** @returns what ends it, once */
function opened(span: OpenSpan): () => void {
  span.open += 1;
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    span.open -= 1;
    span.to = monotonicMs();
  };
}
