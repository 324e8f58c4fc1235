/** `starting` until everything runs, `draining` from the first sign of a stop. Only `ready` gets traffic. */
export type HealthState = "starting" | "ready" | "draining";

/** What an operator should look at that does not stop traffic. The log says more, since anybody may ask for these. */
export type HealthWarning = "forwarder_untrusted" | "bus_away";

/** Whether this process should get traffic, and what its operator should look at. */
export class Health {
  #state: HealthState = "starting";
  readonly #warnings = new Set<HealthWarning>();
  /** True while nothing can be stored: traffic that comes here can only read. */
  storageFails = false;
  /** Whether other nodes hear this one and it hears them. Without that everything works, but events of other nodes come late. */
  busWorks = () => true;

  get state(): HealthState {
    return this.#state;
  }

  set(state: HealthState): void {
    this.#state = state;
  }

  get warnings(): HealthWarning[] {
    return this.busWorks() ? [...this.#warnings] : [...this.#warnings, "bus_away"];
  }

  /** From now on, until the process ends. */
  warn(warning: HealthWarning): void {
    this.#warnings.add(warning);
  }
}
