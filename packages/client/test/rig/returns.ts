export type Told = "online" | "offline" | "focus";

/** What a platform says of network and person, as a test decides. */
export class Returns {
  #run: (what: Told) => void = () => {};
  /** Whether a client is listening. */
  isHeard = false;

  /** A client's surroundings that report what the test says. */
  readonly surroundings = {
    onReturn: (run: (what: Told) => void) => {
      this.#run = run;
      this.isHeard = true;
      return () => {
        this.isHeard = false;
      };
    },
  };

  tell(what: Told): void {
    this.#run(what);
  }
}
