export type Told = "online" | "offline" | "focus";

/** What a platform says of network and person, said by a test. */
export class Returns {
  #run: (what: Told) => void = () => {};
  /** Whether a client listens. */
  isHeard = false;

  /** A client's surroundings in which this one speaks. */
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
