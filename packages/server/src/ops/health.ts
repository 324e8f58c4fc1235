/** `starting` until everything runs, `draining` from the first sign of a stop. Only `ready` gets traffic. */
export type HealthState = "starting" | "ready" | "draining";

/** Warnings beyond this are dropped: they name outside things (peers), and a flood of those must not grow memory. */
const MAX_WARNINGS = 50;

/** Whether this process should get traffic, and what its operator should look at. */
export class Health {
  #state: HealthState = "starting";
  readonly #warnings = new Map<string, string>();

  get state(): HealthState {
    return this.#state;
  }

  set(state: HealthState): void {
    this.#state = state;
  }

  /** Things the operator should look at that do not stop traffic, such as a proxy that is not trusted. */
  get warnings(): string[] {
    return [...this.#warnings.values()];
  }

  /** Shows `text` from now on; the same key replaces. Returns whether it is new, so that it is logged once. */
  warn(key: string, text: string): boolean {
    const fresh = !this.#warnings.has(key);
    if (fresh && this.#warnings.size >= MAX_WARNINGS) return false;
    this.#warnings.set(key, text);
    return fresh;
  }
}
