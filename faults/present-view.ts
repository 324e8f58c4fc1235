/** What one client believes, by uid: 1 is online, 2 is offline; people it has heard nothing about are left out. */
export interface PresentView {
  readonly uid: number;
  /** The connection through which it is live; undefined if it is not live, or was not all the time. */
  readonly transport: string | undefined;
  readonly states: Readonly<Record<number, number>>;
  /** Since when, as it was told; 0 where it was not. */
  readonly times: Readonly<Record<number, number>>;
}
