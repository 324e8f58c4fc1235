/** One line of the doctor's report. `info` says what was seen or why nothing was checked. */
export interface Finding {
  readonly level: "ok" | "info" | "warn" | "fail";
  readonly text: string;
}
