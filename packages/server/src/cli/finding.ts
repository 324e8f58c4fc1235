/** One line of the doctor's report. `info` says what was seen, `skip` what was not checked and how it would be. */
export interface Finding {
  readonly level: "ok" | "info" | "warn" | "fail" | "skip";
  readonly text: string;
}
