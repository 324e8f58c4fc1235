/** `starting` until everything runs, `draining` from the first sign of a stop. Only `ready` gets traffic. */
export type HealthState = "starting" | "ready" | "draining";

/** Returns what is wrong, or undefined. Called at every /readyz; it must answer within a second or so and never throw for long. */
export type HealthCheck = () => string | undefined | Promise<string | undefined>;

export interface HealthReport {
  readonly ready: boolean;
  readonly state: HealthState;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly message?: string }[];
  /** Things the operator should look at that do not stop traffic, such as a proxy that is not trusted. */
  readonly warnings: readonly string[];
}

/** Warnings beyond this are dropped: they name outside things (peers), and a flood of those must not grow memory. */
const MAX_WARNINGS = 50;

/** Whether this process should get traffic, and why not. */
export class Health {
  #state: HealthState = "starting";
  readonly #checks = new Map<string, HealthCheck>();
  readonly #warnings = new Map<string, string>();

  get state(): HealthState {
    return this.#state;
  }

  set(state: HealthState): void {
    this.#state = state;
  }

  addCheck(name: string, check: HealthCheck): void {
    this.#checks.set(name, check);
  }

  /** Shows `text` from now on; the same key replaces. Returns whether it is new, so that it is logged once. */
  warn(key: string, text: string): boolean {
    const fresh = !this.#warnings.has(key);
    if (fresh && this.#warnings.size >= MAX_WARNINGS) return false;
    this.#warnings.set(key, text);
    return fresh;
  }

  async report(): Promise<HealthReport> {
    const checks = await Promise.all([...this.#checks].map(([name, check]) => outcome(name, check)));
    const ready = this.#state === "ready" && checks.every((check) => check.ok);
    return { ready, state: this.#state, checks, warnings: [...this.#warnings.values()] };
  }
}

async function outcome(name: string, check: HealthCheck): Promise<HealthReport["checks"][number]> {
  try {
    const message = await check();
    return message === undefined ? { name, ok: true } : { name, ok: false, message };
  } catch {
    return { name, ok: false, message: "the check itself failed" };
  }
}
