/** What one client believes, by uid: 1 online, 2 offline; nothing of those of whom it was told nothing. */
export interface PresentView {
  readonly uid: number;
  /** The connection by which it is live; undefined: it is not, or was not all the time. */
  readonly transport: string | undefined;
  readonly states: Readonly<Record<number, number>>;
}
