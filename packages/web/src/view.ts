/** What fills the page at a time. */
export interface View {
  readonly node: HTMLElement;
  /** Called once it is in the page. */
  shown?(): void;
  /** Called once, when another view takes its place. */
  removed?(): void;
}
